import Logging
import NIOCore

/// One connection, kept up: made when it is first needed, again after it was lost; commands wait for it a short while.
///
/// `@unchecked Sendable`: every stored variable is touched on `eventLoop` alone; what is called from elsewhere (`send`,
/// `shutdown`, `abandon`) hops onto it first.
final class RedisConnection: @unchecked Sendable {
    private struct Waiter {
        let arguments: [RedisArgument]
        let asking: Bool
        let completion: CommandCompletion
        let deadline: NIODeadline
    }

    /// Where to connect now.
    typealias Resolver = @Sendable (any EventLoop) -> EventLoopFuture<RedisAddress>
    /// Told of each connection made: to whom, who answered, and whether it replaces a lost one.
    typealias Observer = @Sendable (RedisAddress, ServerSection, Bool) -> Void

    let eventLoop: any EventLoop
    let counters = ConnectionCounters()
    private let dialer: Dialer
    private let peer: Dialer.Peer
    private let resolve: Resolver
    private let observe: Observer
    private let logger: Logger

    private var lifecycle: ConnectionLifecycle
    private var handler: RedisChannelHandler?
    /// Whom `handler` talks to.
    private var address: RedisAddress?
    private var waiters: CircularBuffer<Waiter> = CircularBuffer()
    private var expiryIsScheduled = false
    private var lastFailure = RedisError.unavailable("not connected yet")
    private var wasConnected = false

    init(
        eventLoop: any EventLoop, dialer: Dialer, peer: Dialer.Peer = .data, logger: Logger,
        resolve: @escaping Resolver, observe: @escaping Observer
    ) {
        self.peer = peer
        self.eventLoop = eventLoop
        self.dialer = dialer
        self.logger = logger
        self.resolve = resolve
        self.observe = observe
        lifecycle = ConnectionLifecycle(backoff: dialer.configuration.backoff)
    }

    /// Sends a command and waits for its answer.
    /// - Parameter asking: puts `ASKING` right before it, with nothing of anybody else between the two.
    func send(_ arguments: [RedisArgument], asking: Bool = false) async -> Result<RESPValue, RedisError> {
        // Counted before the hop, so that a busy event loop cannot let the queue before it grow.
        let limit = dialer.configuration.maxQueuedPerConnection
        guard counters.queued.wrappingAdd(1, ordering: .relaxed).newValue <= limit else {
            counters.queued.wrappingSubtract(1, ordering: .relaxed)
            counters.refused.wrappingAdd(1, ordering: .relaxed)
            return .failure(.overloaded)
        }
        defer { counters.queued.wrappingSubtract(1, ordering: .relaxed) }
        return await withUnsafeContinuation { continuation in
            let body: @Sendable () -> Void = { self.submit(arguments, asking, .continuation(continuation)) }
            if eventLoop.inEventLoop { body() } else { eventLoop.execute(body) }
        }
    }

    /// Sends a command from the connection's own event loop, when it stands and has room; nobody waits in a task.
    /// - Returns: whether it was taken. Otherwise `completion` is not called.
    func sendAtOnce(
        _ arguments: [RedisArgument], _ completion: @escaping (Result<RESPValue, RedisError>) -> Void
    ) -> Bool {
        guard eventLoop.inEventLoop, case .ready = lifecycle.state, let handler else { return false }
        guard
            counters.queued.wrappingAdd(1, ordering: .relaxed).newValue <= dialer.configuration.maxQueuedPerConnection
        else {
            counters.queued.wrappingSubtract(1, ordering: .relaxed)
            return false
        }
        handler.send(arguments, .counted(counters, completion))
        return true
    }

    private func submit(_ arguments: [RedisArgument], _ asking: Bool, _ completion: CommandCompletion) {
        let admission = lifecycle.admit()
        switch admission {
        case .send:
            if let handler { return handler.send(arguments, asking: asking, completion) }
            completion(.failure(lastFailure))
        case .refuse: completion(.failure(.closed))
        case .wait, .connectAndWait:
            let wait = TimeAmount(dialer.configuration.waitForConnection)
            waiters.append(
                Waiter(arguments: arguments, asking: asking, completion: completion, deadline: .now() + wait))
            if !expiryIsScheduled { scheduleExpiry(in: wait) }
            if admission == .connectAndWait { connect() }
        }
    }

    // MARK: - Waiting

    private func scheduleExpiry(in delay: TimeAmount) {
        expiryIsScheduled = true
        eventLoop.assumeIsolated().scheduleTask(in: delay) { self.expireWaiters() }
    }

    private func expireWaiters() {
        expiryIsScheduled = false
        let now = NIODeadline.now()
        while let first = waiters.first, first.deadline <= now {
            waiters.removeFirst()
            first.completion(.failure(.unavailable(lastFailure.reason)))
        }
        if let first = waiters.first { scheduleExpiry(in: first.deadline - now) }
    }

    // MARK: - Connecting

    private func connect() {
        resolve(eventLoop).hop(to: eventLoop).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let address):
                self.dialer.dial(address, as: self.peer, on: self.eventLoop) { self.dialed(address, $0) }
            case .failure(let error): self.failed((error as? RedisError) ?? .unavailable("\(error)"))
            }
        }
    }

    private func dialed(
        _ address: RedisAddress, _ result: Result<(RedisChannelHandler, ServerSection), RedisError>
    ) {
        switch result {
        case .success((let handler, let section)):
            guard lifecycle.connected(now: .now()) else { return handler.close(.closed) }
            if lifecycle.attempts > 0 { logger.info("connected to Redis", metadata: ["address": "\(address)"]) }
            self.handler = handler
            self.address = address
            if case .sentinel = dialer.configuration.topology { handler.leavesReplica = true }
            handler.onRetire = { [weak self] in self?.lost($0) }
            handler.onTimeout = { [counters] in counters.timedOut.wrappingAdd($0, ordering: .relaxed) }
            counters.isConnected.store(true, ordering: .relaxed)
            observe(address, section, wasConnected)
            wasConnected = true
            let waiting = waiters
            waiters.removeAll()
            for waiter in waiting { handler.send(waiter.arguments, asking: waiter.asking, waiter.completion) }
        case .failure(let error): failed(error)
        }
    }

    private func failed(_ error: RedisError) {
        lastFailure = error
        if lifecycle.attempts == 0 { logger.warning("Redis cannot be reached", metadata: ["reason": "\(error)"]) }
        retry(in: lifecycle.failed(random: .random(in: 0..<1)))
    }

    private func lost(_ error: RedisError) {
        handler = nil
        lastFailure = error
        counters.isConnected.store(false, ordering: .relaxed)
        guard let delay = lifecycle.lost(now: .now(), random: .random(in: 0..<1)) else { return }
        counters.lost.wrappingAdd(1, ordering: .relaxed)
        logger.warning("connection to Redis lost", metadata: ["reason": "\(error)"])
        retry(in: delay)
    }

    private func retry(in delay: Int64?) {
        guard let delay else { return }
        eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(delay)) { [weak self] in
            guard let self, lifecycle.retry() else { return }
            connect()
        }
    }

    // MARK: - Ending

    /// Goes elsewhere, when what is underway is answered, unless it is connected to this server.
    func leave(unlessAt master: RedisAddress) {
        eventLoop.execute {
            guard let handler = self.handler, let address = self.address, address != master else { return }
            handler.retire(.unavailable("\(address) is not the master any more"))
        }
    }

    /// Takes no more commands, and returns when those on their way are answered or overdue.
    func shutdown() async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            eventLoop.execute { self.end { continuation.resume() } }
        }
    }

    /// As `shutdown`, for nobody who would wait.
    func abandon() { eventLoop.execute { self.end {} } }

    private func end(_ completion: @escaping () -> Void) {
        lifecycle.close()
        let waiting = waiters
        waiters.removeAll()
        for waiter in waiting { waiter.completion(.failure(.closed)) }
        guard let handler else { return completion() }
        let previous = handler.onClose
        handler.onClose = {
            previous?()
            completion()
        }
        handler.retire(.closed)
    }
}
