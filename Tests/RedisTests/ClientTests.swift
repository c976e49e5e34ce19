import Foundation
import NIOPosix
import TestSupport
import Testing

@testable import Redis

@Suite struct ClientTests {
    @Test func thousandsOfConcurrentCommandsGetTheirOwnAnswers() async throws {
        let server = try await RedisServer()
        try await withClient(server) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<200 {
                    group.addTask {
                        for round in 0..<50 {
                            let key = "key-\(task)-\(round)"
                            let value = "value \(task) \(round) " + String(repeating: "x", count: (task * round) % 700)
                            try #require(try await client.send(["SET", .string(key), .string(value)]).string == "OK")
                            try #require(try await client.send(["GET", .string(key)]).string == value)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await client.send(["DBSIZE"]).int == 10_000)
            let statistics = client.statistics
            #expect(statistics.connections > 0)
            #expect(statistics.connected == statistics.connections)
            #expect(statistics.queued == 0)
            let clients = try await server.cli(["CLIENT", "LIST"]).split(separator: "\n").filter {
                $0.contains("name=jts ")
            }
            #expect(clients.count == statistics.connections)
        }
    }

    @Test func bytesOfAllValuesSurvive() async throws {
        let server = try await RedisServer()
        try await withClient(server) { client in
            let key = RedisArgument.bytes([0, 1, 13, 10, 36, 255, 254])
            let value = (0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            _ = try await client.send(["SET", key, .bytes(value)])
            #expect(try await client.send(["GET", key]).bytes == value)
            #expect(try await client.send(["STRLEN", key]).int == 70_000)
            #expect(try await client.send(["GET", "missing"]) == .null)
            #expect(try await client.send(["SET", "text", "Zürich 東京"]).string == "OK")
            #expect(try await client.send(["GET", "text"]).string == "Zürich 東京")
            #expect(try await client.send(["INCRBY", "n", .int(Int.max)]) == .integer(Int64.max))
            let reply = try await client.send(["MGET", "text", "missing", "n"], key: "text")
            #expect(reply.array?.map(\.string) == ["Zürich 東京", nil, String(Int.max)])
        }
    }

    @Test func errorsAreTyped() async throws {
        let server = try await RedisServer()
        try await withClient(server) { client in
            _ = try await client.send(["SET", "text", "a"])
            let wrongType = await redisError { _ = try await client.send(["LPUSH", "text", "a"]) }
            guard case .server(let line) = wrongType else {
                return #expect(Bool(false), "\(String(describing: wrongType))")
            }
            #expect(line.hasPrefix("WRONGTYPE"))
            let unknown = await redisError { _ = try await client.send(["NOSUCHCOMMAND", "a"]) }
            guard case .server = unknown else { return #expect(Bool(false), "\(String(describing: unknown))") }
            // An error inside of an array is a value.
            let reply = try await client.run(
                RedisScript("return {redis.error_reply('ERR inner'), 'x'}"), keys: [], arguments: [])
            #expect(reply.array?.first == .error("ERR inner"))
            try await client.ping()
            #expect(client.statistics.lost == 0)
        }
    }

    @Test func scriptsTravelOnceAndAgainAfterAFlush() async throws {
        let server = try await RedisServer()
        let script = RedisScript("redis.call('INCRBY', KEYS[1], ARGV[1]) return {KEYS[1], redis.call('GET', KEYS[1])}")
        #expect(RedisScript("return 1").sha1 == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
        try await withClient(server) { client in
            #expect(try await client.run(script, keys: ["n"], arguments: [5]).array?[1].string == "5")
            #expect(try await client.run(script, keys: ["n"], arguments: [2]).array?[1].string == "7")
            let before = try await server.cli(["INFO", "commandstats"])
            #expect(before.contains("cmdstat_eval:calls=1,"))
            try await server.cli(["SCRIPT", "FLUSH"])
            // Many at once find it missing; each is executed exactly once.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<500 {
                    group.addTask { _ = try await client.run(script, keys: ["n"], arguments: [1]) }
                }
                try await group.waitForAll()
            }
            #expect(try await client.send(["GET", "n"]).int == 507)
            let error = await redisError {
                _ = try await client.run(RedisScript("return redis.call('NOSUCH')"), keys: [], arguments: [])
            }
            guard case .server = error else { return #expect(Bool(false), "\(String(describing: error))") }
        }
    }

    @Test func databasesAreApart() async throws {
        let server = try await RedisServer()
        var second = try configuration(server)
        second.database = 3
        try await withClient(second) { client in _ = try await client.send(["SET", "here", "1"]) }
        #expect(try await server.cli(["-n", "3", "GET", "here"]) == "1")
        #expect(try await server.cli(["-n", "0", "GET", "here"]).isEmpty)
    }

    @Test func accessIsByUser() async throws {
        let server = try await RedisServer(
            .init(
                password: "top:secret",
                users: ["user app on >p@ss:/word ~app:* +get +set", "user default on >top:secret ~* &* +@all"]))
        try await withClient(server) { client in try await client.ping() }
        var app = try RedisConfiguration(url: server.url(user: "app", password: "p@ss:/word"))
        app.waitForConnection = .seconds(5)
        // It may neither name itself, nor ask for INFO, nor PING: that is no reason to refuse it.
        try await withClient(app) { client async throws in
            #expect(try await client.send(["SET", "app:x", "1"]).string == "OK")
            let foreign = await redisError { _ = try await client.send(["GET", "other"]) }
            guard case .server(let line) = foreign else {
                return #expect(Bool(false), "\(String(describing: foreign))")
            }
            #expect(line.hasPrefix("NOPERM"))
        }
        for url in [server.url(user: "app", password: "wrong-secret"), server.url(user: nil, password: nil)] {
            var refused = try RedisConfiguration(url: url)
            refused.waitForConnection = .seconds(2)
            try await withClient(refused) { client in
                let error = await redisError { _ = try await client.send(["GET", "app:x"]) }
                guard case .unavailable(let text) = error else {
                    return #expect(Bool(false), "\(String(describing: error))")
                }
                #expect(text.hasPrefix("WRONGPASS") || text.hasPrefix("NOAUTH"))
                #expect(!text.contains("wrong-secret"))
            }
        }
    }

    @Test func transportIsEncryptedAndTheServerChecked() async throws {
        let server = try await RedisServer(.init(password: "pw", usesTLS: true))
        #expect(server.url.hasPrefix("rediss://"))
        try await withClient(server) { client in
            let value = String(repeating: "secret ", count: 20_000)
            _ = try await client.send(["SET", "k", .string(value)])
            #expect(try await client.send(["GET", "k"]).string == value)
        }
        var byName = try configuration(server)
        byName.topology = .standalone(RedisAddress(host: "localhost", port: server.port))
        try await withClient(byName) { client in try await client.ping() }
        // An authority that did not sign the certificate, and one that cannot be read.
        var foreign = try configuration(server)
        let other = try await TestCertificates()
        foreign.caFile = other.authority
        foreign.waitForConnection = .milliseconds(500)
        try await withClient(foreign) { client in
            guard case .unavailable = await redisError({ try await client.ping() }) else {
                return #expect(Bool(false), "trusted a foreign authority")
            }
        }
        foreign.caFile = "/nonexistent.pem"
        try await withClient(foreign) { client in
            guard case .unavailable(let text) = await redisError({ try await client.ping() }) else {
                return #expect(Bool(false), "went on without its authority")
            }
            #expect(text.contains("TLS"))
        }
    }

    @Test func aClientThatWasShutDownSaysSo() async throws {
        let server = try await RedisServer()
        let client = try await withClient(server) { client in
            try await client.ping()
            return client
        }
        let error = await redisError { try await client.ping() }
        #expect(error == .closed)
        #expect(client.statistics.connected == 0)
        try await eventually("the server sees us leave") {
            try await !server.cli(["CLIENT", "LIST"]).contains("name=jts ")
        }
    }

    @Test func shuttingDownWaitsForWhatIsUnderway() async throws {
        let server = try await RedisServer()
        try await withClient(server) { client in
            await client.prepare()
            server.pause()
            async let outcomes = withTaskGroup(of: RedisError?.self) { group in
                for _ in 0..<100 { group.addTask { await redisError { _ = try await client.send(["INCR", "n"]) } } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            try await eventually("all are on their way") { client.statistics.queued == 100 }
            try await turnEventLoops()
            async let end: Void = client.shutdown()
            try await eventually("no more are taken") { client.statistics.connected == 0 }
            let late = await redisError { try await client.ping() }
            #expect(late == .closed)
            #expect(client.statistics.queued > 0)
            server.resume()
            let answered = await outcomes.count { $0 == nil }
            // Whoever came too late was told so; nobody is left in doubt.
            #expect(await outcomes.allSatisfy { $0 == nil || $0 == .closed })
            #expect(answered > 50)
            await end
            #expect(try await server.cli(["GET", "n"]) == String(answered))
        }
    }

    @Test func theOneServerIsItsOwnKeyspace() async throws {
        let server = try await RedisServer()
        try await withClient(server) { client in
            let nodes = try await client.keyspaceNodes()
            #expect(nodes.count == 1)
            let runID = try await client.serverRunID()
            #expect(try await nodes.first?.runID() == runID)
            #expect(try await server.cli(["INFO", "server"]).contains("run_id:\(runID)"))
        }
    }
}
