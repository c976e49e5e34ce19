/// What can go wrong with a command. The distinction that matters: whether it may have been executed.
package enum RedisError: Error, Sendable, Equatable {
    /// Not executed: no connection came about in time, or the server takes no commands now (it loads its data, is a
    /// read-only replica, ...).
    case unavailable(String)
    /// Not sent: as many commands as allowed are on their way.
    case overloaded
    /// Sent, and the answer did not come: the connection was cut or the time was up. It may have been executed.
    case outcomeUnknown(String)
    /// The server refused it: the error line as it came. A script that failed halfway keeps what it had written.
    case server(String)
    /// The server sent what is no reply; the connection is given up.
    case protocolViolation(String)
    /// A reply of another kind than the caller needs.
    case unexpectedReply(String)
    /// Not sent: the keys of a script lie in different slots of the cluster.
    case crossSlot
    /// A setting that cannot work.
    case configuration(String)
    /// Not sent: the client was shut down.
    case closed

    /// Whether it is certain that the command was not executed.
    package var isCertainlyNotExecuted: Bool {
        switch self {
        case .unavailable, .overloaded, .crossSlot, .configuration, .closed: true
        case .outcomeUnknown, .server, .protocolViolation, .unexpectedReply: false
        }
    }

    /// An error line: those that say "not now" or "not here" and that nothing was done become `.unavailable`.
    init(line text: String) {
        let code = text.prefix { $0 != " " }
        switch code {
        case "LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "MISCONF", "NOREPLICAS":
            self = .unavailable(text)
        default:
            self = .server(text)
        }
    }
}

extension RedisError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unavailable(let reason): "Redis unavailable: \(reason)"
        case .overloaded: "too many commands wait for Redis"
        case .outcomeUnknown(let reason): "outcome of the Redis command unknown: \(reason)"
        case .server(let line): "Redis: \(line)"
        case .protocolViolation(let reason): "Redis protocol violation: \(reason)"
        case .unexpectedReply(let reason): "unexpected reply of Redis: \(reason)"
        case .crossSlot: "the keys of a script must share a hash tag"
        case .configuration(let reason): reason
        case .closed: "the Redis client is shut down"
        }
    }
}
