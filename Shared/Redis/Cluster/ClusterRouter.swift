import Logging
import NIOCore
import Synchronization

/// Sends each command to the master that holds its key, and learns from redirections.
final class ClusterRouter: Sendable {
    private struct State {
        var layout: ClusterLayout?
        var isStale = true
        var refresh: Task<Void, Never>?
        var refreshedAt: NIODeadline?
    }

    private static let maximumRedirections = 6
    /// The layout is asked for no more often than this, however many commands go astray.
    private static let refreshInterval = TimeAmount.milliseconds(100)
    /// How long to wait when some keys of a script have moved and others have not.
    private static let pauseInMigration = Duration.milliseconds(20)
    /// How many nodes are asked for the layout at once.
    private static let informants = 3

    private let nodes: NodePool
    private let seeds: [RedisAddress]
    private let logger: Logger
    private let state = Mutex(State())

    init(nodes: NodePool, seeds: [RedisAddress], logger: Logger) {
        self.nodes = nodes
        self.seeds = seeds
        self.logger = logger
    }

    /// Sends a command to the holder of a slot; to any master when there is none.
    func send(_ arguments: [RedisArgument], slot: Int?, lane: Int) async -> Result<RESPValue, RedisError> {
        guard var target = await holder(of: slot) else {
            return .failure(.unavailable("no node of the cluster answers, or none holds the slot"))
        }
        var asking = false
        var result: Result<RESPValue, RedisError> = .failure(.closed)
        for _ in 0..<ClusterRouter.maximumRedirections {
            guard let connection = nodes.connection(to: target, lane: lane) else { return .failure(.closed) }
            result = await connection.send(arguments, asking: asking)
            let wasAsking = asking
            asking = false
            switch result {
            case .success(.error(let line)):
                switch ClusterRedirection(line, from: target) {
                case .moved(let slot, let address):
                    moved(slot, to: address)
                    target = address
                case .ask(let address):
                    target = address
                    asking = true
                case nil where line.hasPrefix("TRYAGAIN"):
                    // Of several keys some have moved and others have not.
                    do { try await Task.sleep(for: ClusterRouter.pauseInMigration) } catch { return result }
                    asking = wasAsking
                case nil: return result
                }
            case .failure(.unavailable):
                // Not sent. The node may be gone for good, and its slots with somebody else by now.
                state.withLock { $0.isStale = true }
                guard let next = await holder(of: slot), next != target else { return result }
                target = next
            default: return result
            }
        }
        if case .success(.error(let line)) = result {
            return .failure(.unavailable("sent around too often: \(line)"))
        }
        return result
    }

    /// All masters, for what concerns every key.
    func masters() async -> [RedisAddress] {
        await refreshIfDue()
        return state.withLock { $0.layout?.masters ?? [] }
    }

    // MARK: - The layout

    private func holder(of slot: Int?) async -> RedisAddress? {
        if state.withLock({ $0.isStale }) { await refreshIfDue() }
        return state.withLock { state in
            guard let slot else { return state.layout?.masters.randomElement() }
            return state.layout?[slot]
        }
    }

    /// The holder of a slot as far as it is known now; nil when the layout has to be asked for.
    func holderAtHand(of slot: Int?) -> RedisAddress? {
        guard let slot else { return nil }
        return state.withLock { $0.isStale ? nil : $0.layout?[slot] }
    }

    private func moved(_ slot: Int, to node: RedisAddress) {
        state.withLock { state in
            state.layout?.move(slot, to: node)
            state.isStale = true
        }
    }

    /// Learns the layout again if it is stale and was not asked for just now. Callers at the same time share one try.
    private func refreshIfDue() async {
        let task: Task<Void, Never>? = state.withLock { state in
            if let running = state.refresh { return running }
            let now = NIODeadline.now()
            guard state.isStale, state.refreshedAt.map({ now - $0 >= ClusterRouter.refreshInterval }) ?? true else {
                return nil
            }
            state.refreshedAt = now
            let task = Task { await self.refresh() }
            state.refresh = task
            return task
        }
        await task?.value
    }

    private func refresh() async {
        let known = state.withLock { $0.layout?.masters ?? [] }
        let found = await firstLayout(Array(known.shuffled().prefix(ClusterRouter.informants)))
        let layout = if let found { found } else { await firstLayout(seeds) }
        state.withLock { state in
            state.refresh = nil
            guard let layout else { return }
            state.layout = layout
            state.isStale = false
        }
        if let layout {
            nodes.retain(Set(layout.masters))
            for node in layout.masters { _ = nodes.connection(to: node, lane: 0) }
        } else {
            logger.warning("no node of the Redis cluster answers")
        }
    }

    /// The first layout that one of the nodes gives, all asked at once.
    private func firstLayout(_ candidates: [RedisAddress]) async -> ClusterLayout? {
        let questions = candidates.map { node in
            { @Sendable [nodes] () async -> ClusterLayout? in
                guard let connection = nodes.connection(to: node, lane: nodes.lane()),
                    case .success(let reply) = await connection.send(["CLUSTER", "SLOTS"])
                else { return nil }
                return ClusterLayout(reply, from: node)
            }
        }
        return await gather(questions) { $0.last != .some(nil) }.last ?? nil
    }
}
