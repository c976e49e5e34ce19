import Database
import Testing

@Suite struct LeaseTests {
    private func lease(_ database: any Database, _ holder: String, ttl: Duration = .seconds(30)) -> SQLLease {
        SQLLease(database: database, name: "relay", holder: holder, ttl: ttl)
    }

    @Test(arguments: SQLDialect.allCases)
    func oneOfManyGetsIt(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            let grants = try await withThrowingTaskGroup(of: LeaseGrant?.self) { group -> [LeaseGrant] in
                for index in 0..<8 { group.addTask { try await lease(database, "h\(index)").acquire() } }
                return try await group.reduce(into: []) { if let grant = $1 { $0.append(grant) } }
            }
            #expect(grants.count == 1)
            let grant = try #require(grants.first)
            #expect(grant.fence == 1 && grant.isCurrent())
            #expect(!grant.isCurrent(at: .now + .seconds(31)))
            // Its holder may ask again and keeps its number; others may have other leases.
            let again = try #require(try await lease(database, grant.holder).acquire())
            #expect(again.fence == 1 && again.validUntil > grant.validUntil)
            let other = SQLLease(database: database, name: "other", holder: "x", ttl: .seconds(1))
            #expect(try await other.acquire()?.fence == 1)
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func aLapsedLeaseIsTakenOverAndItsHolderIsFencedOff(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            let first = lease(database, "first")
            let second = lease(database, "second")
            let old = try #require(try await first.acquire())
            try await database.write { try first.check(old, $0) }
            #expect(try await second.acquire() == nil)

            try await database.execute("UPDATE leases SET expires_at = expires_at - 60000")
            #expect(try await first.renew(old) == nil)
            let new = try #require(try await second.acquire())
            #expect(new.fence == old.fence + 1)

            #expect(try await first.renew(old) == nil)
            #expect(try await first.acquire() == nil)
            try await first.release(old)
            let kind = await failure {
                try await database.write { connection in
                    try connection.execute("INSERT INTO items (name) VALUES ('late')")
                    try first.check(old, connection)
                }
            }
            #expect(kind == "fenced")
            try await expectNoItems(database)
            try await database.write { try second.check(new, $0) }
            #expect(try await second.renew(new)?.fence == new.fence)
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func aReleasedLeaseIsFreeAtOnceAndNumbersNeverFall(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            var last: Int64 = 0
            for round in 0..<5 {
                let holder = lease(database, "h\(round % 2)")
                let grant = try #require(try await holder.acquire())
                #expect(grant.fence > last)
                last = grant.fence
                try await holder.release(grant)
                #expect(await failure { try await database.write { try holder.check(grant, $0) } } == "fenced")
                #expect(try await holder.renew(grant) == nil)
            }
        }
    }

    /// A takeover waits for the fenced write that is under way, or makes it fail: never both through.
    @Test(arguments: SQLDialect.allCases)
    func aFencedWriteAndATakeoverExcludeEachOther(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            let first = lease(database, "first", ttl: .milliseconds(1))
            let second = lease(database, "second")
            let old = try #require(try await first.acquire())
            let (hasChecked, mayCommit) = (Gate(), Gate())
            async let write: Void = database.write { connection in
                try first.check(old, connection)
                hasChecked.open()
                mayCommit.wait()
                try connection.execute("INSERT INTO items (name) VALUES ('fenced')")
            }
            await hasChecked.waited()
            async let takeover = second.acquire()
            mayCommit.open()
            try await write
            let seen = try await takeover
            #expect(seen?.fence == old.fence + 1)
            #expect(try await database.query("SELECT * FROM items").count == 1)
        }
    }

    @Test func aFenceThatNobodyGrantedIsRefused() async throws {
        try await withDatabase(.sqlite) { database in
            let grant = LeaseGrant(name: "absent", holder: "x", fence: 1, validUntil: .now)
            #expect(await failure { try await database.write { try SQLLease.check(grant, $0) } } == "fenced")
        }
    }
}
