/// Where Redis is and how patient to be with it.
package struct RedisConfiguration: Sendable {
    package enum Topology: Sendable, Equatable {
        case standalone(RedisAddress)
        /// Sentinels that know the master of this name.
        case sentinel(nodes: [RedisAddress], master: String)
        /// Nodes from which the cluster's layout is learnt.
        case cluster(seeds: [RedisAddress])
    }

    package var topology: Topology
    package var username: String?
    package var password: String?
    /// Credentials for the sentinels themselves, when they ask for any.
    package var sentinelUsername: String?
    package var sentinelPassword: String?
    package var database = 0
    package var isTLS = false
    /// PEM file with the authorities that sign the server's certificate; nil for the system's.
    package var caFile: String?
    /// PEM files of our own certificate and key, for servers that ask for one.
    package var certificateFile: String?
    package var keyFile: String?
    /// How long an answer may take before its connection is given up.
    package var timeout: Duration = .milliseconds(1_000)
    package var connectTimeout: Duration = .milliseconds(1_000)
    /// How long a command waits for a connection that is being made.
    package var waitForConnection: Duration = .milliseconds(250)
    /// Commands that one connection holds, sent or waiting; one more is refused at once.
    package var maxQueuedPerConnection = 10_000
    package var replyLimits = ReplyLimits()
    package var backoff = Backoff()
    /// Seen in `CLIENT LIST`.
    package var clientName = "jts"

    package init(topology: Topology) { self.topology = topology }

    /// Standalone, without credentials.
    package init(host: String, port: Int = 6379) {
        self.init(topology: .standalone(RedisAddress(host: host, port: port)))
    }
}

// Passwords stay out of logs, whatever is done to print a configuration.
extension RedisConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String {
        let nodes: [RedisAddress] =
            switch topology {
            case .standalone(let address): [address]
            case .sentinel(let nodes, _): nodes
            case .cluster(let seeds): seeds
            }
        return "Redis at \(nodes.map(\.description).joined(separator: ", "))\(isTLS ? " over TLS" : "")"
    }

    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
