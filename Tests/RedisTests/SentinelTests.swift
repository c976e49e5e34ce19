import Foundation
import TestSupport
import Testing

@testable import Redis

@Suite struct SentinelTests {
    private func configuration(_ group: RedisSentinel) throws -> RedisConfiguration {
        var configuration = try RedisConfiguration(url: group.url)
        configuration.timeout = .seconds(2)
        configuration.backoff = Backoff(base: 20, maximum: 200)
        return configuration
    }

    /// The old master becomes a replica and lives on: for some seconds it would still take what is then lost.
    @Test func anOrderlyFailoverIsFollowed() async throws {
        let group = try await RedisSentinel(password: "pw")
        try await withClient(try configuration(group)) { client in
            await client.prepare()
            #expect(try await client.send(["SET", "before", "1"]).string == "OK")
            #expect(try await Self.port(client) == group.master.port)
            // Asynchronous replication: what the replica has not got yet would be lost.
            try await eventually("the replica has it") { try await group.replica.cli(["GET", "before"]) == "1" }
            // A sentinel that is gone delays nobody.
            group.killSentinel(0)
            _ = try await ChildProcess.check(
                "redis-cli", ["-p", "\(group.sentinelPorts[1])", "SENTINEL", "FAILOVER", group.name])
            try await eventually("the sentinels name the new master", within: .seconds(20)) {
                try await group.masterPort() == group.replica.port
            }
            try await eventually("all connections go to it", within: .seconds(5)) {
                for _ in 0..<client.statistics.connections where try await Self.port(client) != group.replica.port {
                    return false
                }
                return true
            }
            #expect(client.generation >= 1)
            #expect(try await client.send(["GET", "before"]).string == "1")
            #expect(try await client.send(["SET", "after", "1"]).string == "OK")
            #expect(try await group.replica.cli(["GET", "after"]) == "1")
        }
    }

    @Test func theLossOfTheMasterIsFollowed() async throws {
        let group = try await RedisSentinel()
        try await withClient(try configuration(group)) { client in
            #expect(try await client.send(["SET", "before", "1"]).string == "OK")
            try await eventually("the replica has it") { try await group.replica.cli(["GET", "before"]) == "1" }
            group.master.kill()
            try await eventually("writes go to the new master", within: .seconds(25), poll: .milliseconds(50)) {
                guard (try? await client.send(["SET", "after", "1"])) != nil else { return false }
                return try await Self.port(client) == group.replica.port
            }
            #expect(try await client.send(["GET", "before"]).string == "1")
            #expect(client.generation == 1)
        }
    }

    private static func port(_ client: RedisClient) async throws -> Int? {
        let info = try await client.send(["INFO", "server"]).string ?? ""
        return info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("tcp_port:") }.flatMap {
            Int($0.dropFirst(9))
        }
    }

    @Test func anUnknownMasterIsUnavailable() async throws {
        let sentinel = try await ScriptedServer { text in
            text.contains("PING") ? .bytes(greeting) : .bytes("*-1\r\n")
        }
        let url = "redis+sentinel://127.0.0.1:\(sentinel.port)/nobody"
        var patient = try RedisConfiguration(url: url)
        patient.waitForConnection = .seconds(3)
        try await withClient(patient) { client in
            let error = await redisError { try await client.ping() }
            #expect(error == .unavailable("no sentinel names a master that is one"))
        }
        await sentinel.stop()
    }
}
