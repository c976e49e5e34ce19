import Foundation

/// A master with a replica, watched by three sentinels that promote the replica within about a second.
package final class RedisSentinel: Sendable {
    package let master: RedisServer
    package let replica: RedisServer
    package let name: String
    package let sentinelPorts: [Int]
    private let sentinels: [ChildProcess]
    private let folder: TemporaryDirectory

    package init(password: String? = nil) async throws {
        let credentials = password.map { ["masterauth \($0)"] } ?? []
        let name = "jts-master"
        self.name = name
        master = try await RedisServer(.init(password: password, settings: credentials))
        replica = try await RedisServer(
            .init(password: password, settings: credentials + ["replicaof 127.0.0.1 \(master.port)"]))
        let folder = try TemporaryDirectory("jts-sentinel")
        var ports: [Int] = []
        var sentinels: [ChildProcess] = []
        for number in 0..<3 {
            let port = try freePort()
            let lines =
                [
                    "port \(port)", "bind 127.0.0.1", "dir \(folder.path)",
                    "sentinel monitor \(name) 127.0.0.1 \(master.port) 2",
                    "sentinel down-after-milliseconds \(name) 700", "sentinel failover-timeout \(name) 4000",
                    "sentinel parallel-syncs \(name) 1",
                ] + (password.map { ["sentinel auth-pass \(name) \($0)"] } ?? [])
            let file = try folder.write(lines.joined(separator: "\n") + "\n", to: "sentinel-\(number).conf")
            sentinels.append(
                try ChildProcess("redis-sentinel", [file], output: folder.file("sentinel-\(number).log")))
            ports.append(port)
        }
        self.folder = folder
        self.sentinels = sentinels
        sentinelPorts = ports
        let replica = replica
        try await eventually("the replica follows", within: .seconds(20)) {
            try await replica.cli(["INFO", "replication"]).contains("master_link_status:up")
        }
        for port in ports {
            try await eventually("a sentinel knows the replica and the others", within: .seconds(20)) {
                let state = try? await ChildProcess.check(
                    "redis-cli", ["-p", "\(port)", "INFO", "sentinel"], within: .seconds(5))
                return state?.contains("slaves=1,sentinels=3") == true
            }
        }
    }

    package var url: String {
        let credentials = master.options.password.map { ":\($0)@" } ?? ""
        let hosts = sentinelPorts.map { "127.0.0.1:\($0)" }.joined(separator: ",")
        return "redis+sentinel://\(credentials)\(hosts)/\(name)"
    }

    /// Port of the server that the first living sentinel names.
    package func masterPort() async throws -> Int? {
        for port in sentinelPorts {
            let answer = try? await ChildProcess.check(
                "redis-cli", ["-p", "\(port)", "SENTINEL", "get-master-addr-by-name", name], within: .seconds(5))
            if let last = answer?.split(separator: "\n").last { return Int(last) }
        }
        return nil
    }

    package func killSentinel(_ index: Int) { sentinels[index].kill() }
}
