import StrictJSON
import TestSupport
import Testing

/// The limits of `ROLES_FILE`, under a thousand sign-ins of one person.
@Suite struct SessionLimitTests {
    private static let catalogue = """
        permissions: [orders:view, account:self, users:read, users:write, sessions:read, sessions:revoke,
          service-accounts:read, service-accounts:write, keys:read, keys:write, tokens:introspect]
        roles:
          admin:
            privileged: true
            permissions: [users:read, users:write, sessions:read, sessions:revoke, service-accounts:read,
              service-accounts:write, keys:read, keys:write, account:self]
          roaming:
            session_limit: { maximum: 7, when_reached: oldest-leaves }
            permissions: [orders:view, account:self]
          strict:
            session_limit: { maximum: 7, when_reached: refuse }
            permissions: [orders:view, account:self]
        """

    @Test func aThousandSignInsLeaveTheLimit() async throws {
        let folder = try TemporaryDirectory("jts-roles")
        var options = TestSystemOptions()
        options.replicas = 2
        options.runsOrderAPI = false
        options.environment = [
            "ROLES_FILE": try folder.write(Self.catalogue, to: "roles.yaml"), "TRUSTED_PROXIES": "127.0.0.1",
            "ARGON2_QUEUE": "2000", "ARGON2_THREADS": "2",
        ]
        try await withSystem(options) { system in
            let roaming = try await system.person("roaming", enrol: false)
            let strict = try await system.person("strict", enrol: false)

            let (opened, refused) = try await signIns(1_000, of: roaming, in: system)
            #expect(opened.count == 1_000)
            #expect(refused == 0)
            let left = try await sessions(of: roaming, in: system)
            #expect(left.count == 7)
            // Whoever left is out: of all refresh tokens, those of the seven work.
            #expect(left.isSubset(of: Set(opened.map(\.sessionID))))
            let living = try await withThrowingTaskGroup(of: String?.self) { group in
                for session in opened {
                    group.addTask {
                        let answer = try await system.http(1).refresh(session.refresh)
                        return answer.status == 200 ? session.sessionID : nil
                    }
                }
                return try await group.reduce(into: Set()) { set, id in if let id { set.insert(id) } }
            }
            #expect(living == left)

            try await system.http.call(
                "DELETE", "/v1/users/\(strict.id)/sessions", token: try await system.adminToken()
            ).require(204)
            let (admitted, turnedAway) = try await signIns(1_000, of: strict, in: system)
            #expect(admitted.count == 7)
            #expect(turnedAway == 993)
            #expect(try await sessions(of: strict, in: system) == Set(admitted.map(\.sessionID)))
            for session in admitted { try await system.http(1).refresh(session.refresh).require(200) }
        }
    }

    /// Signs in from as many addresses at once, half of them at each replica. What is told to wait does so and comes back.
    private func signIns(
        _ count: Int, of person: TestPerson, in system: TestSystem
    ) async throws -> (opened: [TestPerson.Session], refused: Int) {
        try await withThrowingTaskGroup(of: TestPerson.Session?.self) { group in
            for index in 0..<count {
                let address = freshAddress()
                group.addTask {
                    while true {
                        let answer = try await person.login(system.http(index % 2), headers: address)
                        switch answer.status {
                        case 200: return try TestPerson.Session(answer)
                        case 409:
                            let problem = answer.json["type"]?.string
                            guard problem == "urn:jts:problem:session-limit" else {
                                throw TestHTTP.Unexpected(description: answer.text)
                            }
                            return nil
                        case 429, 503:
                            let seconds = try #require(answer.header("Retry-After").flatMap { Int($0) })
                            try await Task.sleep(for: .seconds(seconds))
                        default: throw TestHTTP.Unexpected(description: "\(answer.status) \(answer.text)")
                        }
                    }
                }
            }
            var opened: [TestPerson.Session] = []
            var refused = 0
            for try await session in group {
                if let session { opened.append(session) } else { refused += 1 }
            }
            return (opened, refused)
        }
    }

    private func sessions(of person: TestPerson, in system: TestSystem) async throws -> Set<String> {
        let listed = try await system.http.call(
            "GET", "/v1/users/\(person.id)/sessions", token: try await system.adminToken()
        ).require(200)
        return Set((listed.json["sessions"]?.array ?? []).compactMap { $0["id"]?.string })
    }
}
