/// A Redis Cluster of masters without replicas, each on a free loopback port.
package final class RedisCluster: Sendable {
    package let nodes: [RedisServer]

    package init(masters: Int = 3, password: String? = nil) async throws {
        var nodes: [RedisServer] = []
        for _ in 0..<masters {
            let settings =
                [
                    "cluster-enabled yes", "cluster-config-file nodes.conf", "cluster-port \(try freePort())",
                    "cluster-node-timeout 2000",
                ] + (password.map { ["masterauth \($0)"] } ?? [])
            nodes.append(try await RedisServer(.init(password: password, settings: settings)))
        }
        self.nodes = nodes
        try await nodes[0].cli(
            ["--cluster", "create"] + nodes.map { "127.0.0.1:\($0.port)" } + [
                "--cluster-replicas", "0", "--cluster-yes",
            ])
        for node in nodes {
            try await eventually("the cluster is whole", within: .seconds(20)) {
                try await node.cli(["CLUSTER", "INFO"]).contains("cluster_state:ok")
            }
        }
    }

    /// All nodes as seeds.
    package var url: String {
        let credentials = nodes[0].options.password.map { ":\($0)@" } ?? ""
        return "redis+cluster://\(credentials)" + nodes.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
    }

    /// The id by which a node is known to the others.
    package func id(of node: RedisServer) async throws -> String { try await node.cli(["CLUSTER", "MYID"]) }

    /// The master that holds a slot.
    package func holder(of slot: Int) async throws -> RedisServer {
        for node in nodes {
            let line =
                try await node.cli(["CLUSTER", "NODES"]).split(separator: "\n")
                .first { $0.contains("myself") } ?? ""
            let ranges = line.split(separator: " ").dropFirst(8)
            for range in ranges where !range.hasPrefix("[") {
                let ends = range.split(separator: "-").compactMap { Int($0) }
                if let first = ends.first, let last = ends.last, (first...last).contains(slot) { return node }
            }
        }
        throw ChildProcess.Failure(description: "nobody holds slot \(slot)")
    }

    /// First step of a migration: from now on the old holder sends those who ask for a missing key away with ASK.
    package func beginMigration(of slot: Int, from source: RedisServer, to target: RedisServer) async throws {
        try await target.cli(["CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", try await id(of: source)])
        try await source.cli(["CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", try await id(of: target)])
    }

    /// Second step, repeated: moves some keys.
    /// - Returns: how many keys were moved; zero when none is left.
    package func moveKeys(_ count: Int, of slot: Int, from source: RedisServer, to target: RedisServer) async throws
        -> Int
    {
        let keys = try await source.cli(["CLUSTER", "GETKEYSINSLOT", "\(slot)", "\(count)"])
            .split(separator: "\n").map(String.init)
        guard !keys.isEmpty else { return 0 }
        let credentials = source.options.password.map { ["AUTH", $0] } ?? []
        try await source.cli(
            ["MIGRATE", "127.0.0.1", "\(target.port)", "", "0", "5000"] + credentials + ["KEYS"] + keys)
        return keys.count
    }

    /// Last step: everybody learns the new holder.
    package func endMigration(of slot: Int, to target: RedisServer) async throws {
        let owner = try await id(of: target)
        try await target.cli(["CLUSTER", "SETSLOT", "\(slot)", "NODE", owner])
        for node in nodes where node !== target {
            try await node.cli(["CLUSTER", "SETSLOT", "\(slot)", "NODE", owner])
        }
    }
}
