import Foundation
import TestSupport
import Testing

@testable import Redis

@Suite struct FaultTests {
    /// Each command appends a name of its own. Redis is killed in the middle, several times, and comes back on its file.
    @Test func aKilledServerNeverExecutesACommandTwice() async throws {
        let server = try await RedisServer(.init(appendOnly: true, settings: ["appendfsync always"]))
        var patient = try configuration(server)
        patient.backoff = Backoff(base: 5, maximum: 50)
        try await withClient(patient) { client in
            let log = Journal()
            let isOver = Locked(false)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<50 {
                    group.addTask {
                        var round = 0
                        while !isOver.value {
                            round += 1
                            let name = "\(task)-\(round)"
                            do throws(RedisError) {
                                _ = try await client.send(["RPUSH", "log", .string(name)])
                                log.done.withLock { _ = $0.insert(name) }
                            } catch {
                                if error.isCertainlyNotExecuted {
                                    log.refused.withLock { _ = $0.insert(name) }
                                } else {
                                    log.unknown.withLock { _ = $0.insert(name) }
                                }
                            }
                        }
                    }
                }
                for _ in 0..<3 {
                    let before = log.done.withLock { $0.count }
                    try await eventually("commands are flowing") { log.done.withLock { $0.count } > before + 500 }
                    try await server.restart()
                }
                let before = log.done.withLock { $0.count }
                try await eventually("commands flow again") { log.done.withLock { $0.count } > before + 500 }
                isOver.set(true)
                try await group.waitForAll()
            }
            let entries = try await client.send(["LRANGE", "log", 0, -1]).array?.compactMap(\.string) ?? []
            let once = Set(entries)
            #expect(entries.count == once.count)
            // What was acknowledged is there, what was refused is not, and the rest was called unknown.
            let missing = log.done.value.subtracting(once).count
            let executed = log.refused.value.intersection(once).count
            #expect(missing == 0)
            #expect(executed == 0)
            let unexplained = once.subtracting(log.done.value).subtracting(log.unknown.value).count
            #expect(unexplained == 0)
            #expect(client.generation == 3)
            #expect(client.statistics.lost >= 3)
        }
    }

    private final class Journal: Sendable {
        let done = Locked<Set<String>>([])
        let refused = Locked<Set<String>>([])
        let unknown = Locked<Set<String>>([])
    }

    @Test func whatIsUnderwayAtACutIsUnknown() async throws {
        let server = try await RedisServer()
        try await withClient(server) { client in
            await client.prepare()
            server.pause()
            let errors = Locked<[RedisError?]>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        let error = await redisError { _ = try await client.send(["INCR", "n"]) }
                        errors.withLock { $0.append(error) }
                    }
                }
                try await eventually("all are on their way") { client.statistics.queued == 200 }
                try await turnEventLoops()
                server.kill()
                try await group.waitForAll()
            }
            let unknown = errors.withLock { $0 }.count { if case .outcomeUnknown = $0 { true } else { false } }
            #expect(unknown >= 100)
            let other = errors.withLock { $0 }.filter { $0 == nil }
            #expect(other.isEmpty)
            try await server.start()
            #expect(try await client.send(["INCR", "n"]).int == 1)
        }
    }

    /// Counts what arrives at a server that hangs up instead of answering.
    @Test func onlyWhatMayBeRepeatedIsRepeatedAndOnlyOnce() async throws {
        let server = try await ScriptedServer { text in
            text.contains("PING") ? .bytes(greeting) : .last("")
        }
        var patient = RedisConfiguration(host: "127.0.0.1", port: server.port)
        patient.waitForConnection = .seconds(5)
        try await withClient(patient) { client in
            let never = await redisError { _ = try await client.send(["INCR", "never-again"]) }
            guard case .outcomeUnknown = never else { return #expect(Bool(false), "\(String(describing: never))") }
            #expect(server.occurrences(of: "never-again") == 1)
            let twice = await redisError {
                _ = try await client.send(["SET", "may-repeat", "1"], retry: .ifIdempotent)
            }
            guard case .outcomeUnknown = twice else { return #expect(Bool(false), "\(String(describing: twice))") }
            #expect(server.occurrences(of: "may-repeat") == 2)
            let script = await redisError {
                _ = try await client.run(RedisScript("return 1"), keys: ["script-key"], arguments: [])
            }
            guard case .outcomeUnknown = script else { return #expect(Bool(false), "\(String(describing: script))") }
            #expect(server.occurrences(of: "script-key") == 1)
        }
        await server.stop()
    }

    @Test func aRepeatedCommandSucceedsOnTheNextConnection() async throws {
        let server = try await RedisServer()
        var patient = try configuration(server)
        // Not at once: a server that is killed may take a connection more while its sockets are closed one by one, and
        // a command is repeated only once.
        patient.backoff = Backoff(base: 400, maximum: 400)
        patient.waitForConnection = .seconds(5)
        try await withClient(patient) { client in
            await client.prepare()
            server.pause()
            async let answer = client.send(["SET", "k", "v"], retry: .ifIdempotent).string
            try await eventually("it is on its way") { client.statistics.queued == 1 }
            try await server.restart()
            #expect(try await answer == "OK")
        }
    }

    @Test func aStoppedServerCausesNoPileUp() async throws {
        let server = try await RedisServer()
        var impatient = try RedisConfiguration(url: server.url)
        impatient.timeout = .milliseconds(300)
        impatient.connectTimeout = .milliseconds(300)
        impatient.waitForConnection = .milliseconds(100)
        impatient.maxQueuedPerConnection = 500
        try await withClient(impatient) { client in
            await client.prepare()
            server.pause()
            let most = Locked(0)
            let outcomes = Locked<[String: Int]>([:])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<400 {
                    group.addTask {
                        // Whoever is refused comes again: two seconds of demand against a server that is stuck.
                        let end = ContinuousClock.now + .seconds(2)
                        while ContinuousClock.now < end {
                            let kind: String
                            do throws(RedisError) {
                                _ = try await client.send(["INCR", "n"])
                                kind = "answered"
                            } catch {
                                switch error {
                                case .unavailable: kind = "unavailable"
                                case .outcomeUnknown: kind = "unknown"
                                case .overloaded: kind = "overloaded"
                                default: kind = "\(error)"
                                }
                            }
                            outcomes.withLock { $0[kind, default: 0] += 1 }
                            let queued = client.statistics.queued
                            most.withLock { $0 = max($0, queued) }
                        }
                    }
                }
                try await group.waitForAll()
            }
            // Whoever moves from one connection to the next while they are counted is counted twice.
            #expect(most.value <= 400 * client.statistics.connections)
            #expect(outcomes.withLock { Set($0.keys) }.isSubset(of: ["unavailable", "unknown"]))
            #expect(outcomes.withLock { $0["unavailable"] ?? 0 } > 400)
            // Those that were on their way when each connection was given up, and nobody after them.
            let unknown = outcomes.withLock { $0["unknown"] ?? 0 }
            #expect((100...400 * client.statistics.connections).contains(unknown))
            #expect(client.statistics.timedOut == unknown)
            #expect(client.statistics.queued == 0)
            server.resume()
            try await eventually("commands are answered again") {
                await redisError { _ = try await client.send(["INCR", "n"]) } == nil
            }
        }
    }

    @Test func aFullQueueIsRefusedAtOnce() async throws {
        let server = try await RedisServer()
        var narrow = try configuration(server)
        narrow.maxQueuedPerConnection = 10
        try await withClient(narrow) { client in
            await client.prepare()
            let capacity = 10 * client.statistics.connections
            server.pause()
            let refused = Locked(0)
            let answered = Locked(0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<(capacity + 30) {
                    group.addTask {
                        do throws(RedisError) {
                            _ = try await client.send(["INCR", "n"])
                            answered.add(1)
                        } catch {
                            if error == .overloaded { refused.add(1) }
                        }
                    }
                }
                // Refused while nothing is answered: nobody waited for the server to learn it.
                try await eventually("the surplus is refused") { refused.value >= 30 }
                #expect(answered.value == 0)
                server.resume()
                try await group.waitForAll()
            }
            #expect(refused.value == 30)
            #expect(answered.value == capacity)
            #expect(client.statistics.refused == 30)
            #expect(try await client.send(["GET", "n"]).int == Int64(capacity))
        }
    }

    @Test func withoutAServerCommandsFailFast() async throws {
        var configuration = RedisConfiguration(host: "127.0.0.1", port: try freePort())
        configuration.waitForConnection = .milliseconds(50)
        try await withClient(configuration) { client in
            guard case .unavailable = await redisError({ try await client.ping() }) else {
                return #expect(Bool(false), "no server, and yet an answer")
            }
            #expect(client.statistics.connected == 0)
            #expect(client.statistics.queued == 0)
        }
    }

    @Test func aNewRunOfTheServerIsNoticed() async throws {
        let server = try await RedisServer()
        var patient = try configuration(server)
        patient.backoff = Backoff(base: 5, maximum: 50)
        try await withClient(patient) { client in
            let seen = Locked<[RedisServerInfo]>([])
            client.onReconnect = { info in seen.withLock { $0.append(info) } }
            let first = try await client.serverRunID()
            #expect(client.generation == 0)
            try await server.cli(["CLIENT", "KILL", "TYPE", "normal"])
            try await eventually("connections are made again") { !seen.withLock { $0.isEmpty } }
            #expect(seen.withLock { $0 }.allSatisfy { !$0.isNewRun && $0.runID == first })
            #expect(client.generation == 0)
            try await server.restart()
            let second = try await client.serverRunID()
            #expect(second != first)
            try await eventually("the new run is told of") { seen.withLock { $0 }.contains { $0.isNewRun } }
            #expect(seen.withLock { $0 }.filter(\.isNewRun).map(\.runID) == [second])
            #expect(client.generation == 1)
        }
    }

    @Test func aServerThatLoadsItsDataIsNotAvailableYet() async throws {
        let server = try await ScriptedServer { _ in
            .bytes("+OK\r\n$12\r\nrun_id:abc\r\n\r\n-LOADING Redis is loading the dataset in memory\r\n")
        }
        var patient = RedisConfiguration(host: "127.0.0.1", port: server.port)
        patient.waitForConnection = .seconds(3)
        try await withClient(patient) { client in
            let error = await redisError { _ = try await client.send(["INCR", "n"]) }
            #expect(error == .unavailable("LOADING Redis is loading the dataset in memory"))
            #expect(server.occurrences(of: "INCR") == 0)
        }
        await server.stop()
    }

    @Test func aServerThatTalksNonsenseIsLeft() async throws {
        let server = try await ScriptedServer { text in
            text.contains("PING") ? .bytes(greeting) : .bytes("HTTP/1.1 400 Bad Request\r\n\r\n")
        }
        var patient = RedisConfiguration(host: "127.0.0.1", port: server.port)
        patient.waitForConnection = .seconds(3)
        try await withClient(patient) { client in
            let error = await redisError { _ = try await client.send(["INCR", "n"]) }
            guard case .outcomeUnknown = error else { return #expect(Bool(false), "\(String(describing: error))") }
        }
        await server.stop()
    }
}
