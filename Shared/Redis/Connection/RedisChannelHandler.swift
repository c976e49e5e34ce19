import NIOCore

/// Whom to tell how a command ended.
enum CommandCompletion {
    case continuation(UnsafeContinuation<Result<RESPValue, RedisError>, Never>)
    case callback((Result<RESPValue, RedisError>) -> Void)
    /// As `callback`, for a command that counts as queued until then.
    case counted(ConnectionCounters, (Result<RESPValue, RedisError>) -> Void)
    /// Nobody waits for this answer.
    case discard

    func callAsFunction(_ result: Result<RESPValue, RedisError>) {
        switch self {
        case .continuation(let continuation): continuation.resume(returning: result)
        case .callback(let body): body(result)
        case .counted(let counters, let body):
            counters.queued.wrappingSubtract(1, ordering: .relaxed)
            body(result)
        case .discard: break
        }
    }
}

/// Puts commands on the wire and matches replies with them. Everything happens on the channel's event loop.
final class RedisChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let reader: ReplyReader
    private let timeout: TimeAmount
    private var pipeline = CommandPipeline<CommandCompletion>()
    private var context: ChannelHandlerContext?
    private var outgoing: ByteBuffer?
    private var flushIsScheduled = false
    private var deadlineIsWatched = false
    private var timer: Scheduled<Void>?

    /// Told once, when the connection takes no more commands.
    var onRetire: ((RedisError) -> Void)?
    /// Told once, when the connection is over.
    var onClose: (() -> Void)?
    /// Told of each command that had no answer in time.
    var onTimeout: ((Int) -> Void)?
    /// Whether to leave a server that says it is a replica now, so that the next connection goes to the master.
    var leavesReplica = false

    init(timeout: TimeAmount, limits: ReplyLimits) throws(RedisError) {
        reader = try ReplyReader(limits: limits)
        self.timeout = timeout
    }

    /// Sends a command with whatever else is sent in the same turn of the event loop.
    /// - Parameter asking: puts `ASKING` right before it.
    func send(_ arguments: [RedisArgument], asking: Bool = false, _ completion: CommandCompletion) {
        guard let context, pipeline.phase == .open else {
            return completion(.failure(.unavailable("the connection is gone")))
        }
        if outgoing == nil { outgoing = context.channel.allocator.buffer(capacity: 1_024) }
        let deadline = context.eventLoop.now + timeout
        if asking {
            outgoing?.writeCommand(["ASKING"])
            pipeline.append(.discard, deadline: deadline)
        }
        outgoing?.writeCommand(arguments)
        pipeline.append(completion, deadline: deadline)
        if !deadlineIsWatched { watchDeadline(context) }
        guard !flushIsScheduled else { return }
        flushIsScheduled = true
        context.eventLoop.assumeIsolated().execute { self.flush() }
    }

    private func flush() {
        flushIsScheduled = false
        guard let context, let buffer = outgoing else { return }
        outgoing = nil
        pipeline.flushed()
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private func watchDeadline(_ context: ChannelHandlerContext) {
        guard let deadline = pipeline.nextDeadline else { return }
        deadlineIsWatched = true
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.deadlineIsWatched = false
            guard let next = self.pipeline.nextDeadline, let context = self.context else { return }
            guard next <= context.eventLoop.now else { return self.watchDeadline(context) }
            // Whatever came later would answer the wrong command.
            self.onTimeout?(self.pipeline.sentCount)
            self.close(.unavailable("no answer within \(self.timeout.nanoseconds / 1_000_000) ms"))
        }
    }

    /// Takes no more commands and closes after the last answer.
    func retire(_ reason: RedisError) {
        guard pipeline.phase == .open else { return }
        let isIdle = pipeline.drain()
        tellRetired(reason)
        if isIdle { close(reason) }
    }

    /// Gives the connection up.
    func close(_ reason: RedisError) {
        guard pipeline.phase != .closed else { return }
        let left = pipeline.close()
        timer?.cancel()
        timer = nil
        outgoing = nil
        context?.close(promise: nil)
        let text = reason.reason
        for completion in left.outcomeUnknown { completion(.failure(.outcomeUnknown(text))) }
        for completion in left.notSent { completion(.failure(.unavailable(text))) }
        tellRetired(reason)
        onClose?()
        onClose = nil
        onTimeout = nil
    }

    private func tellRetired(_ reason: RedisError) {
        let body = onRetire
        onRetire = nil
        body?(reason)
    }

    private func receive(_ reply: RESPValue) {
        switch pipeline.replied() {
        case .complete(let completion): completion(.success(reply))
        case .completeAndClose(let completion):
            completion(.success(reply))
            close(.closed)
        case .unsolicited:
            // A server that has too many clients says so unasked.
            if case .error(let text) = reply { return close(.unavailable(text)) }
            close(.protocolViolation("a reply that nobody asked for"))
        }
        if leavesReplica, case .error(let text) = reply, text.hasPrefix("READONLY") { retire(.unavailable(text)) }
    }

    // MARK: - Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if !context.channel.isActive { close(.unavailable("the connection was closed")) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        close(.unavailable("the connection was closed"))
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard pipeline.phase != .closed else { return }
        do throws(RedisError) {
            try reader.read(unwrapInboundIn(data)) { reply in receive(reply) }
        } catch {
            close(error)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        close(.unavailable("the connection was closed"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close(.unavailable("\(error)")) }
}

extension RedisError {
    /// The text without the kind.
    var reason: String {
        switch self {
        case .unavailable(let text), .outcomeUnknown(let text), .server(let text), .protocolViolation(let text),
            .unexpectedReply(let text), .configuration(let text):
            text
        case .overloaded, .crossSlot, .closed: description
        }
    }
}
