import Foundation
import TestSupport
import Testing

@testable import Redis

@Suite struct ClusterTests {
    private func configuration(_ cluster: RedisCluster) throws -> RedisConfiguration {
        var configuration = try RedisConfiguration(url: cluster.url)
        configuration.timeout = .seconds(5)
        configuration.waitForConnection = .seconds(2)
        return configuration
    }

    @Test func commandsGoToTheHolderOfTheirKey() async throws {
        let cluster = try await RedisCluster(password: "pw")
        try await withClient(try configuration(cluster)) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<1_000 {
                    group.addTask {
                        _ = try await client.send(["SET", .string("key:\(number)"), .int(number)])
                        try #require(try await client.send(["GET", .string("key:\(number)")]).int == Int64(number))
                    }
                }
                try await group.waitForAll()
            }
            // The cluster's own idea of slots is ours.
            for key in ["key:1", "{tag}a", "a{}b", "{{x}}"] {
                let slot = try await client.send(["CLUSTER", "KEYSLOT", .string(key)]).int
                #expect(slot == Int64(HashSlot.of(key)))
            }
            // All masters together hold everything; nobody was redirected.
            let nodes = try await client.keyspaceNodes()
            #expect(Set(nodes.compactMap(\.address?.port)) == Set(cluster.nodes.map(\.port)))
            var total: Int64 = 0
            for node in nodes {
                let size = try await node.send(["DBSIZE"]).int ?? 0
                #expect(size > 0)
                total += size
            }
            #expect(total == 1_000)
            for node in cluster.nodes {
                #expect(try await !node.cli(["INFO", "errorstats"]).contains("errorstat_MOVED"))
            }
        }
    }

    @Test func scriptsNeedOneSlot() async throws {
        let cluster = try await RedisCluster()
        let script = RedisScript("redis.call('INCR', KEYS[1]) return redis.call('INCR', KEYS[2])")
        try await withClient(try configuration(cluster)) { client async throws in
            for tag in ["a", "b", "c", "d", "e", "f"] {
                let keys = ["{\(tag)}:1", "{\(tag)}:2"]
                #expect(try await client.run(script, keys: keys, arguments: []).int == 1)
                #expect(try await client.run(script, keys: keys, arguments: []).int == 2)
            }
            let error = await redisError {
                _ = try await client.run(script, keys: ["{a}:1", "{b}:1"], arguments: [])
            }
            #expect(error == .crossSlot)
            let server = await redisError { _ = try await client.send(["MGET", "{a}:1", "{b}:1"], key: "{a}:1") }
            guard case .server(let line) = server else { return #expect(Bool(false), "\(String(describing: server))") }
            #expect(line.hasPrefix("CROSSSLOT"))
        }
    }

    /// A slot is moved, key by key, under writers: nothing fails, nothing is lost, nothing counted twice.
    @Test func aSlotMovesUnderLoad() async throws {
        let cluster = try await RedisCluster()
        let slot = HashSlot.of("{moving}")
        let source = try await cluster.holder(of: slot)
        let target = try #require(cluster.nodes.first { $0 !== source })
        let pair = RedisScript("redis.call('INCR', KEYS[1]) redis.call('INCR', KEYS[2]) return 1")
        try await withClient(try configuration(cluster)) { client in
            let isOver = Locked(false)
            let counts = Locked<[String: Int64]>([:])
            let failures = Locked<[RedisError]>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<20 {
                    group.addTask {
                        var round = 0
                        while !isOver.value {
                            round += 1
                            let keys = ["{moving}:\(task):\(round % 10)", "{moving}:\(task):\((round + 5) % 10)"]
                            do throws(RedisError) {
                                if round % 3 == 0 {
                                    _ = try await client.run(pair, keys: keys, arguments: [])
                                    counts.withLock { for key in keys { $0[key, default: 0] += 1 } }
                                } else {
                                    _ = try await client.send(["INCR", .string(keys[0])])
                                    counts.withLock { $0[keys[0], default: 0] += 1 }
                                }
                            } catch {
                                // A pair of keys may stay torn for longer than anybody waits: not executed then.
                                if case .unavailable = error { continue }
                                failures.withLock { $0.append(error) }
                            }
                        }
                    }
                }
                try await eventually("all keys are there") { counts.withLock { $0.count } == 200 }
                try await cluster.beginMigration(of: slot, from: source, to: target)
                while try await cluster.moveKeys(15, of: slot, from: source, to: target) > 0 {}
                try await cluster.endMigration(of: slot, to: target)
                let before = counts.withLock { $0.values.reduce(0, +) }
                try await eventually("writers go on") { counts.withLock { $0.values.reduce(0, +) } > before + 1_000 }
                isOver.set(true)
                try await group.waitForAll()
            }
            #expect(failures.withLock { $0 }.isEmpty)
            for (key, count) in counts.withLock({ $0 }) {
                #expect(try await client.send(["GET", .string(key)]).int == count)
            }
            let sourceErrors = try await source.cli(["INFO", "errorstats"])
            #expect(sourceErrors.contains("errorstat_ASK"))
            #expect(sourceErrors.contains("errorstat_MOVED"))
            #expect(try await target.cli(["CLUSTER", "COUNTKEYSINSLOT", "\(slot)"]) == "200")
        }
    }

    @Test func oneDeadSeedOrMasterDoesNotStopTheRest() async throws {
        let cluster = try await RedisCluster()
        for node in cluster.nodes { try await node.cli(["CONFIG", "SET", "cluster-require-full-coverage", "no"]) }
        cluster.nodes[0].kill()
        var configuration = try configuration(cluster)
        configuration.waitForConnection = .seconds(2)
        try await withClient(configuration) { client in
            let errors = await withTaskGroup(of: RedisError?.self) { group in
                for number in 0..<60 {
                    group.addTask {
                        await redisError { _ = try await client.send(["SET", .string("k\(number)"), "v"]) }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let refused = errors.compactMap { $0 }
            #expect(refused.allSatisfy { if case .unavailable = $0 { true } else { false } })
            // A third of the slots each, more or less.
            #expect((5...35).contains(refused.count))
        }
    }

    @Test func withoutAnyNodeCommandsFailFast() async throws {
        var configuration = try RedisConfiguration(
            url: "redis+cluster://127.0.0.1:\(try freePort()),127.0.0.1:\(try freePort())")
        configuration.waitForConnection = .milliseconds(50)
        try await withClient(configuration) { client in
            guard case .unavailable = await redisError({ try await client.ping() }) else {
                return #expect(Bool(false), "an answer from nobody")
            }
        }
    }

    /// Two nodes that send everybody to each other.
    @Test func redirectionsAreBounded() async throws {
        let ports = Locked((0, 0))
        let first = try await ScriptedServer { text in Self.answer(text, ports.withLock { $0.1 }, ports) }
        let second = try await ScriptedServer { text in Self.answer(text, ports.withLock { $0.0 }, ports) }
        ports.withLock { $0 = (first.port, second.port) }
        var patient = try RedisConfiguration(url: "redis+cluster://127.0.0.1:\(first.port)")
        patient.waitForConnection = .seconds(3)
        try await withClient(patient) { client in
            let error = await redisError { _ = try await client.send(["GET", "endless"]) }
            guard case .unavailable = error else { return #expect(Bool(false), "\(String(describing: error))") }
            #expect(first.occurrences(of: "endless") + second.occurrences(of: "endless") == 6)
        }
        await first.stop()
        await second.stop()
    }

    private static func answer(
        _ text: String, _ other: Int, _ ports: Locked<(Int, Int)>
    ) -> ScriptedServer.Answer {
        if text.contains("PING") { return .bytes(greeting) }
        if text.contains("SLOTS") {
            let port = ports.withLock { $0.0 }
            return .bytes("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:\(port)\r\n")
        }
        return .bytes("-MOVED \(HashSlot.of("endless")) 127.0.0.1:\(other)\r\n")
    }
}
