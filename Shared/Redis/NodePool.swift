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
    private let sentinels: SentinelDirectory?
    private let turn = Atomic<UInt>(0)

    init(_ configuration: RedisConfiguration, eventLoopGroup: any EventLoopGroup, logger: Logger) {
        let dialer = Dialer(configuration)
        let eventLoops = eventLoopGroup.makeIterator().map { $0 }
        self.dialer = dialer
        self.eventLoops = eventLoops
        self.logger = logger
        let resolve: RedisConnection.Resolver
        switch configuration.topology {
        case .standalone(let address):
            sentinels = nil
            resolve = { $0.makeSucceededFuture(address) }
        case .sentinel(let nodes, let name):
            let directory = SentinelDirectory(
                nodes: nodes, name: name, dialer: dialer, eventLoop: eventLoopGroup.next(), logger: logger)
            sentinels = directory
            resolve = { eventLoop in eventLoop.makeFutureWithTask { try await directory.master() } }
        case .cluster:
            sentinels = nil
            primaries = []
            return
        }
        let primaries = NodePool.connections(nil, eventLoops, dialer, logger, shared, resolve)
        self.primaries = primaries
        sentinels?.watch { master in
            for connection in primaries { connection.leave(unlessAt: master) }
        }
    }

    deinit {
        sentinels?.abandon()
        for connection in all { connection.abandon() }
    }

    // MARK: - Connections

    /// Which of a node's connections suits the calling thread best: that of its own event loop, or else the next.
    func lane() -> Int {
        guard eventLoops.count > 1 else { return 0 }
        if let current = MultiThreadedEventLoopGroup.currentEventLoop,
            let own = eventLoops.firstIndex(where: { $0 === current })
        {
            return own
        }
        return Int(turn.wrappingAdd(1, ordering: .relaxed).newValue % UInt(eventLoops.count))
    }

    /// The connection to the one server, or to the master that sentinels name; nil in a cluster.
    func primary(lane: Int) -> RedisConnection? { NodePool.choose(primaries, lane) }

    /// The connection of the lane, or, while that one waits to be made anew, another that stands: each comes back in its
    /// own time, and a server that is back should not be refused for that.
    private static func choose(_ connections: [RedisConnection], _ lane: Int) -> RedisConnection? {
        guard connections.indices.contains(lane) else { return nil }
        let own = connections[lane]
        guard own.counters.isLost else { return own }
        return connections.first { $0.counters.isConnected.load(ordering: .relaxed) } ?? own
    }

    /// Makes all connections to the nodes that are known, so that the first commands need not wait for them.
    func prepare() async {
        await withTaskGroup(of: Void.self) { group in
            for connection in all { group.addTask { _ = await connection.send(["PING"]) } }
        }
    }

    /// The connection to a node of a cluster; nil after the end.
    func connection(to node: RedisAddress, lane: Int) -> RedisConnection? {
        let connections: [RedisConnection] = shared.state.withLock { state in
            if let known = state.nodes[node] { return known }
            guard !state.isClosed else { return [] }
            let made = NodePool.connections(node, eventLoops, dialer, logger, shared) { $0.makeSucceededFuture(node) }
            state.nodes[node] = made
            return made
        }
        return NodePool.choose(connections, lane)
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
        await sentinels?.shutdown()
        await withTaskGroup(of: Void.self) { group in
            for connection in all { group.addTask { await connection.shutdown() } }
        }
    }
}
