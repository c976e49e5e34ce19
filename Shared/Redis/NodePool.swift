import Logging
import NIOCore
import NIOPosix
import Synchronization

/// The connections to each node: one for each event loop, made when first used.
final class NodePool: Sendable {
    private struct State {
        var nodes: [RedisAddress: [RedisConnection]] = [:]
        /// The run of the server that was seen last, by node; nil stands for the one that is not addressed by name.
        var runs: [RedisAddress?: String] = [:]
        var onReconnect: (@Sendable (RedisServerInfo) async -> Void)?
        var generation = 0
        var isClosed = false
    }

    /// State that connections report to; apart from the pool, so that they do not keep it alive.
    private final class Shared: Sendable {
        let state = Mutex(State())
    }

    private let dialer: Dialer
    private let eventLoops: [any EventLoop]
    private let logger: Logger
    private let shared = Shared()
    /// To the one server, or to the master that sentinels name. Empty for a cluster.
    private let primaries: [RedisConnection]
    private let turn = Atomic<UInt>(0)

    init(_ configuration: RedisConfiguration, eventLoopGroup: any EventLoopGroup, logger: Logger) {
        let dialer = Dialer(configuration)
        let eventLoops = eventLoopGroup.makeIterator().map { $0 }
        self.dialer = dialer
        self.eventLoops = eventLoops
        self.logger = logger
        let resolve: RedisConnection.Resolver
        switch configuration.topology {
        case .standalone(let address): resolve = { $0.makeSucceededFuture(address) }
        case .sentinel(let nodes, let master):
            let lookup = SentinelLookup(nodes: nodes, master: master, dialer: dialer)
            resolve = { lookup.master(on: $0) }
        case .cluster:
            primaries = []
            return
        }
        primaries = NodePool.connections(nil, eventLoops, dialer, logger, shared, resolve)
    }

    deinit {
        for connection in all { connection.abandon() }
    }

    // MARK: - Connections

    /// The connection to the one server, or to the master, that suits the calling thread best; nil in a cluster.
    func primary() -> RedisConnection? { choose(primaries) }

    /// The connection to a node of a cluster that suits the calling thread best; nil after the end.
    func connection(to node: RedisAddress) -> RedisConnection? {
        let connections: [RedisConnection] = shared.state.withLock { state in
            if let known = state.nodes[node] { return known }
            guard !state.isClosed else { return [] }
            let made = NodePool.connections(node, eventLoops, dialer, logger, shared) { $0.makeSucceededFuture(node) }
            state.nodes[node] = made
            return made
        }
        return choose(connections)
    }

    /// Ends the connections to nodes that are no part of the cluster any more.
    func retain(_ members: Set<RedisAddress>) {
        let gone = shared.state.withLock { state in
            let gone = state.nodes.filter { !members.contains($0.key) }
            for node in gone.keys {
                state.nodes[node] = nil
                state.runs[node] = nil
            }
            return gone.values.flatMap { $0 }
        }
        for connection in gone { connection.abandon() }
    }

    private func choose(_ connections: [RedisConnection]) -> RedisConnection? {
        guard connections.count > 1 else { return connections.first }
        if let current = MultiThreadedEventLoopGroup.currentEventLoop,
            let own = connections.first(where: { $0.eventLoop === current })
        {
            return own
        }
        let number = turn.wrappingAdd(1, ordering: .relaxed).newValue
        return connections[Int(number % UInt(connections.count))]
    }

    private static func connections(
        _ node: RedisAddress?, _ eventLoops: [any EventLoop], _ dialer: Dialer, _ logger: Logger, _ shared: Shared,
        _ resolve: @escaping RedisConnection.Resolver
    ) -> [RedisConnection] {
        eventLoops.map { eventLoop in
            RedisConnection(eventLoop: eventLoop, dialer: dialer, logger: logger, resolve: resolve) {
                address, section, replacesLost in
                NodePool.notice(node, address, section, replacesLost, shared)
            }
        }
    }

    // MARK: - Who answers

    var onReconnect: (@Sendable (RedisServerInfo) async -> Void)? {
        get { shared.state.withLock { $0.onReconnect } }
        set { shared.state.withLock { $0.onReconnect = newValue } }
    }

    /// How often a server was found to be another run than before.
    var generation: Int { shared.state.withLock { $0.generation } }

    private static func notice(
        _ node: RedisAddress?, _ address: RedisAddress, _ section: ServerSection, _ replacesLost: Bool,
        _ shared: Shared
    ) {
        let (hook, isNewRun) = shared.state.withLock { state in
            var isNewRun = false
            if let runID = section.runID {
                isNewRun = state.runs[node].map { $0 != runID } ?? false
                state.runs[node] = runID
            }
            if isNewRun { state.generation += 1 }
            return (state.onReconnect, isNewRun)
        }
        guard let hook, replacesLost || isNewRun else { return }
        let info = RedisServerInfo(
            address: address, runID: section.runID, version: section.version, isNewRun: isNewRun)
        Task { await hook(info) }
    }

    // MARK: - Figures and end

    private var all: [RedisConnection] {
        primaries + shared.state.withLock { state in state.nodes.values.flatMap { $0 } }
    }

    var statistics: RedisStatistics {
        all.reduce(into: RedisStatistics()) { $1.counters.add(to: &$0) }
    }

    func shutdown() async {
        shared.state.withLock { $0.isClosed = true }
        await withTaskGroup(of: Void.self) { group in
            for connection in all { group.addTask { await connection.shutdown() } }
        }
    }
}
