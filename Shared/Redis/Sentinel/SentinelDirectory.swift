import Logging
import NIOCore
import Synchronization

/// Knows from the sentinels which server is the master, and notices when it is another.
///
/// https://redis.io/docs/latest/develop/reference/sentinel-clients/
final class SentinelDirectory: Sendable {
    /// How often sentinels are asked while all is well. After a failover they let the old master live on as one for
    /// about eight seconds: what is written to it is lost, so that waiting for it to hang up is not enough.
    private static let interval = Duration.milliseconds(500)

    private struct State {
        var watch: Task<Void, Never>?
        /// The master that was found last.
        var current: RedisAddress?
        var isClosed = false
    }

    private let sentinels: [RedisConnection]
    private let name: String
    private let dialer: Dialer
    private let eventLoop: any EventLoop
    private let state = Mutex(State())

    init(nodes: [RedisAddress], name: String, dialer: Dialer, eventLoop: any EventLoop, logger: Logger) {
        self.name = name
        self.dialer = dialer
        self.eventLoop = eventLoop
        sentinels = nodes.map { node in
            RedisConnection(
                eventLoop: eventLoop, dialer: dialer, peer: .sentinel, logger: logger,
                resolve: { $0.makeSucceededFuture(node) }, observe: { _, _, _ in })
        }
    }

    /// Where the master is. All sentinels are asked at once, so that a dead one delays nobody when the others agree;
    /// whom they name has to take itself for a master, because sentinels may lag behind.
    /// - Throws: `.unavailable` when there is none.
    func master() async throws(RedisError) -> RedisAddress {
        for candidate in await named() where await isMaster(candidate) {
            state.withLock { $0.current = candidate }
            return candidate
        }
        throw .unavailable("no sentinel names a master that is one")
    }

    /// Says again and again, until `shutdown`, where the master is.
    func watch(_ onMaster: @escaping @Sendable (RedisAddress) -> Void) {
        state.withLock { state in
            guard state.watch == nil, !state.isClosed else { return }
            state.watch = Task { [weak self] in
                while !Task.isCancelled {
                    guard (try? await Task.sleep(for: SentinelDirectory.interval)) != nil else { return }
                    guard let self else { return }
                    if let address = await confirmed() { onMaster(address) }
                }
            }
        }
    }

    func abandon() {
        endWatch()
        for sentinel in sentinels { sentinel.abandon() }
    }

    func shutdown() async {
        endWatch()
        for sentinel in sentinels { await sentinel.shutdown() }
    }

    private func endWatch() {
        state.withLock { state in
            state.watch?.cancel()
            state.isClosed = true
        }
    }

    // MARK: - Asking

    /// What the sentinels answer, most often named first; not all of them, once most of them agree.
    private func named() async -> [RedisAddress] {
        let questions = sentinels.map { sentinel in
            { @Sendable [name] () async -> RedisAddress? in
                let reply = await sentinel.send(["SENTINEL", "get-master-addr-by-name", .string(name)])
                return (try? reply.get()).flatMap(SentinelDirectory.address)
            }
        }
        let answers = await gather(questions) { answers in
            guard let last = answers.last, let address = last else { return false }
            return answers.count { $0 == address } * 2 > sentinels.count
        }
        return SentinelDirectory.ranked(answers.compactMap { $0 })
    }

    /// The master, if there is one; it is asked itself only when the sentinels name another than before.
    private func confirmed() async -> RedisAddress? {
        // Nobody has asked yet.
        guard let current = state.withLock({ $0.current }) else { return nil }
        if await named().first == current { return current }
        return try? await master()
    }

    private func isMaster(_ candidate: RedisAddress) async -> Bool {
        let role = try? await dialer.ask(["ROLE"], at: candidate, as: .data, on: eventLoop).get()
        return role?.array?.first?.string == "master"
    }

    /// `["127.0.0.1", "6379"]`; null when the sentinel does not know the name.
    static func address(_ reply: RESPValue) -> RedisAddress? {
        guard let parts = reply.array, parts.count == 2, let host = parts[0].string, !host.isEmpty,
            let port = parts[1].int, (1...65_535).contains(port)
        else { return nil }
        return RedisAddress(host: host, port: Int(port))
    }

    /// Each address once, those named most often first.
    static func ranked(_ addresses: [RedisAddress]) -> [RedisAddress] {
        var votes: [RedisAddress: Int] = [:]
        for address in addresses { votes[address, default: 0] += 1 }
        return votes.sorted { ($1.value, $0.key.port) < ($0.value, $1.key.port) }.map(\.key)
    }
}
