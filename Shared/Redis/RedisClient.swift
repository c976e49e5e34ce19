import Logging
import NIOCore
import ServiceLifecycle

/// A Redis client that pipelines by itself: one connection for each event loop (and node), on which the commands of all
/// callers travel together.
///
/// No command may block the server (`BLPOP`, `XREAD BLOCK`, `SUBSCRIBE`, `MULTI`): it would hold up everybody else's.
package final class RedisClient: Sendable, Service {
    private let nodes: NodePool
    private let cluster: ClusterRouter?

    /// Connects when first used. A bad TLS file shows in `run` and in every command as `.configuration`.
    package init(_ configuration: RedisConfiguration, eventLoopGroup: any EventLoopGroup, logger: Logger) {
        nodes = NodePool(configuration, eventLoopGroup: eventLoopGroup, logger: logger)
        if case .cluster(let seeds) = configuration.topology {
            cluster = ClusterRouter(nodes: nodes, seeds: seeds, logger: logger)
        } else {
            cluster = nil
        }
    }

    // MARK: - Commands

    /// Sends one command and returns its reply.
    /// - Parameters:
    ///   - key: a key that it touches, by which a cluster is asked; the second word when nil. Commands whose second
    ///     word is no key and that touch one (`XREAD`, `EVAL`) have to name it.
    ///   - retry: whether to send it once more when its outcome is unknown.
    /// - Throws: `.server` for an error reply; `.unavailable`, `.overloaded` and `.closed` when it was not executed;
    ///   `.outcomeUnknown` when it may have been.
    package func send(
        _ arguments: [RedisArgument], key: String? = nil, retry: RedisRetry = .never
    ) async throws(RedisError) -> RESPValue {
        let slot = cluster == nil ? nil : RedisClient.slot(of: key, or: arguments)
        return try await send(arguments, slot: slot, retry: retry)
    }

    /// Sends one command from the event loop that this is called on, over its own connection, when that stands: for hot
    /// paths, which have no task to wait in.
    /// - Parameters:
    ///   - completion: called once, on the same event loop, with the reply, which may be an error line (in a cluster a
    ///     redirection), or why there is none.
    /// - Returns: whether it was taken. Otherwise nothing was sent and `completion` is not called; `send`, which waits
    ///   for a connection, is the way then.
    package func sendAtOnce(
        _ arguments: [RedisArgument], key: String? = nil,
        _ completion: @escaping (Result<RESPValue, RedisError>) -> Void
    ) -> Bool {
        let lane = nodes.lane()
        let connection: RedisConnection?
        if let cluster {
            connection = cluster.holderAtHand(of: RedisClient.slot(of: key, or: arguments)).flatMap {
                nodes.connection(to: $0, lane: lane)
            }
        } else {
            connection = nodes.primary(lane: lane)
        }
        return connection?.sendAtOnce(arguments, completion) ?? false
    }

    /// Runs a script by its digest; where Redis does not know it, by its text.
    /// - Throws: as `send`, and `.crossSlot` when a cluster has the keys in different slots.
    package func run(
        _ script: RedisScript, keys: [String], arguments: [RedisArgument], retry: RedisRetry = .never
    ) async throws(RedisError) -> RESPValue {
        var slot: Int?
        if cluster != nil, let first = keys.first {
            let number = HashSlot.of(first)
            guard keys.dropFirst().allSatisfy({ HashSlot.of($0) == number }) else { throw .crossSlot }
            slot = number
        }
        var words: [RedisArgument] = []
        words.reserveCapacity(3 + keys.count + arguments.count)
        words.append("EVALSHA")
        words.append(.string(script.sha1))
        words.append(.int(keys.count))
        for key in keys { words.append(.string(key)) }
        words += arguments
        do throws(RedisError) {
            return try await send(words, slot: slot, retry: retry)
        } catch .server(let line) where line.hasPrefix("NOSCRIPT") {
            words[0] = "EVAL"
            words[1] = .string(script.source)
            return try await send(words, slot: slot, retry: retry)
        }
    }

    package func ping() async throws(RedisError) { _ = try await send(["PING"], slot: nil, retry: .ifIdempotent) }

    /// Changes with every start of the server: whoever remembers it notices that Redis may have lost its state. In a
    /// cluster it is that of some master; ask `keyspaceNodes` for each.
    package func serverRunID() async throws(RedisError) -> String {
        try RedisClient.runID(try await send(["INFO", "server"], slot: nil, retry: .ifIdempotent))
    }

    /// Everybody who holds keys, for what concerns all of them (`SCAN`): the masters of a cluster, else the one server.
    package func keyspaceNodes() async throws(RedisError) -> [RedisNode] {
        guard let cluster else { return [RedisNode(address: nil, nodes: nodes)] }
        let masters = await cluster.masters()
        guard !masters.isEmpty else { throw .unavailable("no node of the cluster answers") }
        return masters.map { RedisNode(address: $0, nodes: nodes) }
    }

    private func send(
        _ arguments: [RedisArgument], slot: Int?, retry: RedisRetry
    ) async throws(RedisError) -> RESPValue {
        // The same lane again: it knows that its connection is gone, while the others may not have noticed yet.
        let lane = nodes.lane()
        var result = await dispatch(arguments, slot: slot, lane: lane)
        if case .ifIdempotent = retry, case .failure(.outcomeUnknown) = result {
            result = await dispatch(arguments, slot: slot, lane: lane)
        }
        return try RedisClient.reply(result)
    }

    private func dispatch(
        _ arguments: [RedisArgument], slot: Int?, lane: Int
    ) async -> Result<RESPValue, RedisError> {
        if let cluster { return await cluster.send(arguments, slot: slot, lane: lane) }
        guard let connection = nodes.primary(lane: lane) else { return .failure(.closed) }
        return await connection.send(arguments)
    }

    private static func slot(of key: String?, or arguments: [RedisArgument]) -> Int? {
        if let key { return HashSlot.of(key) }
        guard arguments.count > 1 else { return nil }
        switch arguments[1] {
        case .string(let text): return HashSlot.of(text)
        case .bytes(let bytes): return HashSlot.of(utf8: bytes)
        case .int(let value): return HashSlot.of(String(value))
        }
    }

    static func reply(_ result: Result<RESPValue, RedisError>) throws(RedisError) -> RESPValue {
        let value = try result.get()
        if case .error(let line) = value { throw RedisError(line: line) }
        return value
    }

    static func runID(_ info: RESPValue) throws(RedisError) -> String {
        guard let runID = ServerSection(info.string ?? "").runID else { throw .unexpectedReply("INFO server") }
        return runID
    }

    // MARK: - Who answers

    /// Called after a lost connection was made again, once for each connection, and when a connection meets another run
    /// of the server than the ones before it: `isNewRun` is true once for each new run of a node.
    package var onReconnect: (@Sendable (RedisServerInfo) async -> Void)? {
        get { nodes.onReconnect }
        set { nodes.onReconnect = newValue }
    }

    /// Grows whenever a server turns out to be another run than before, so that its state may be older or empty.
    package var generation: Int { nodes.generation }

    package var statistics: RedisStatistics { nodes.statistics }

    // MARK: - Life

    /// Runs until the service is asked to stop, then ends the connections.
    package func run() async throws {
        // Nothing depends on the first connection here: whoever needs Redis checks it and says so.
        await prepare()
        try? await gracefulShutdown()
        await shutdown()
    }

    /// Connects, so that the first commands need not wait; in a cluster it learns the layout too. Fails silently.
    package func prepare() async {
        guard let cluster else { return await nodes.prepare() }
        _ = await cluster.masters()
        await nodes.prepare()
    }

    /// Takes no more commands, and returns when those on their way are answered or overdue.
    package func shutdown() async { await nodes.shutdown() }
}

/// One server that holds keys.
package struct RedisNode: Sendable {
    /// Nil for the one server, or the master that sentinels name.
    package let address: RedisAddress?
    private let nodes: NodePool

    init(address: RedisAddress?, nodes: NodePool) {
        self.address = address
        self.nodes = nodes
    }

    /// Sends a command to this server, whatever its keys. Throws as `RedisClient.send`.
    package func send(_ arguments: [RedisArgument]) async throws(RedisError) -> RESPValue {
        let lane = nodes.lane()
        let connection =
            if let address { nodes.connection(to: address, lane: lane) } else { nodes.primary(lane: lane) }
        guard let connection else { throw .closed }
        return try RedisClient.reply(await connection.send(arguments))
    }

    package func runID() async throws(RedisError) -> String {
        try RedisClient.runID(try await send(["INFO", "server"]))
    }
}
