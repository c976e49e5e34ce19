import Logging
import NIOCore

/// Answers requests of hot routes where their bytes come in, before anything is parsed for the ordinary path, and passes
/// everything else on as it came.
///
/// One request of a connection is answered at a time, in order: a hot request is taken only while nothing before it is
/// under way, and what follows it waits here until it is answered. Whatever is not plain goes the ordinary way.
final class LeanPath: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What the connections of a server share here.
    struct Shared: Sendable {
        let responder: any HotResponder
        let inFlight: InFlight
        let logger: Logger
        let answered: Counter
        let passedOn: Counter

        init(responder: any HotResponder, inFlight: InFlight, metrics: MetricsRegistry, logger: Logger) {
            self.responder = responder
            self.inFlight = inFlight
            self.logger = logger
            func counter(_ outcome: String) -> Counter {
                metrics.counter(
                    "http_hot_requests_total", help: "Plain requests of hot routes: answered at once, or passed on.",
                    labels: ["outcome": outcome])
            }
            (answered, passedOn) = (counter("answered"), counter("passed_on"))
        }
    }

    private let shared: Shared
    private let parser: HotParser
    private let requests: RequestGuard
    private var context: ChannelHandlerContext?

    /// What has come in and was not passed on: the request that is being answered is its beginning, until it is.
    private var pending: ByteBuffer?
    /// Bytes that `pending` has to have before it is worth looking at.
    private var awaited = 0
    /// Bytes of the request that is being answered; nil between requests.
    private var answering: Int?
    /// Tells replies to this request from those to earlier ones.
    private var turn: UInt64 = 0
    private var isLooking = false
    private var hasPassedOn = false
    /// The client has closed its side, which those behind hear of after what came before it is answered.
    private var heldClosing = false
    private var heldRead = false

    init(_ shared: Shared, requests: RequestGuard, maximumHeaderBytes: Int) {
        self.shared = shared
        self.requests = requests
        parser = HotParser(
            routes: shared.responder.hotRoutes, maximumBytes: maximumHeaderBytes,
            maximumCount: requests.state.maximumHeaderCount)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        pending = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        pending = nil
        context.fireChannelInactive()
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if pending == nil {
            pending = bytes
        } else {
            pending?.writeBuffer(&bytes)
        }
        if answering == nil { look(context) }
    }

    /// Goes through what has come in until there is nothing left, or something has to be waited for.
    private func look(_ context: ChannelHandlerContext) {
        // An answer that is given at once comes back here.
        guard !isLooking else { return }
        isLooking = true
        defer { isLooking = false }
        while let bytes = pending, answering == nil {
            guard requests.takesLean(isHolding: awaited > 0) else { return passOnAll(context) }
            if bytes.readableBytes < awaited { return requests.leanHolds(context.eventLoop.now) }
            switch parser.read(bytes) {
            case .ordinary: return passOnAll(context)
            case .incomplete(let length):
                awaited = length
                return requests.leanHolds(context.eventLoop.now)
            case .request(let route, let fields, let bodyStart, let length):
                guard shared.inFlight.enter() else { return passOnAll(context) }
                awaited = 0
                answering = length
                turn += 1
                requests.leanTakes(context.eventLoop.now)
                let start = bytes.readerIndex + bodyStart
                let body = bytes.getSlice(at: start, length: length - bodyStart) ?? ByteBuffer()
                shared.responder.respond(
                    to: HotRequest(
                        bytes: bytes, fields: fields, body: body, channel: context.channel, logger: shared.logger),
                    route: route, HotReply(self, turn: turn))
            }
        }
    }

    private func passOnAll(_ context: ChannelHandlerContext) {
        guard let bytes = pending else { return }
        pending = nil
        awaited = 0
        requests.leanReleases(context.eventLoop.now)
        hasPassedOn = true
        context.fireChannelRead(wrapInboundOut(bytes))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Nobody behind has read anything otherwise.
        guard hasPassedOn else { return }
        hasPassedOn = false
        context.fireChannelReadComplete()
    }

    /// Whoever sends on without waiting for answers is not read from until they are given.
    func read(context: ChannelHandlerContext) {
        if let answering, let pending, pending.readableBytes > answering {
            heldRead = true
        } else {
            context.read()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed? = event as? ChannelEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        if answering != nil {
            heldClosing = true
        } else {
            // What is not whole now never will be.
            passOnAll(context)
            context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: Answering

    /// - Parameter turn: of the request that is answered.
    func answer(_ answer: HotAnswer, turn: UInt64) {
        guard let length = end(turn), let context else { return }
        shared.answered.increment()
        advance(by: length)
        var bytes = answer.head
        let isLast = requests.isLastLean
        bytes.writeStaticString("Date: ")
        bytes.writeString(requests.state.date.now)
        bytes.writeStaticString(isLast ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n")
        bytes.writeBytes(answer.body)
        writeSlices(context, &bytes)
        if isLast || (heldClosing && pending == nil) {
            pending = nil
            heldClosing = false
            let written = context.eventLoop.makePromise(of: Void.self)
            context.writeAndFlush(wrapOutboundOut(bytes), promise: written)
            requests.leanAnswered(context.eventLoop.now, last: written.futureResult)
        } else {
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
            requests.leanAnswered(context.eventLoop.now)
        }
        goOn(context)
    }

    /// As `answer`, by the ordinary path.
    func passOn(turn: UInt64) {
        guard let length = end(turn), let context else { return }
        shared.passedOn.increment()
        requests.leanReturns(context.eventLoop.now)
        guard let request = pending?.getSlice(at: pending?.readerIndex ?? 0, length: length) else { return }
        advance(by: length)
        hasPassedOn = true
        context.fireChannelRead(wrapInboundOut(request))
        goOn(context)
    }

    /// The request's place is free again, whatever has become of its connection.
    /// - Returns: how many bytes the request has; nil when nobody waits for its answer.
    private func end(_ turn: UInt64) -> Int? {
        shared.inFlight.leave()
        guard turn == self.turn, let length = answering else { return nil }
        answering = nil
        guard let context, context.channel.isActive, pending != nil else { return nil }
        return length
    }

    private func advance(by length: Int) {
        pending?.moveReaderIndex(forwardBy: length)
        if pending?.readableBytes == 0 { pending = nil }
    }

    /// All but the last slice of a large answer, so that it shows whether the client reads.
    private func writeSlices(_ context: ChannelHandlerContext, _ bytes: inout ByteBuffer) {
        let eventLoop = context.eventLoop
        while bytes.readableBytes > ServerState.writeSlice, let slice = bytes.readSlice(length: ServerState.writeSlice)
        {
            let written = eventLoop.makePromise(of: Void.self)
            written.futureResult.assumeIsolated().whenSuccess { [requests] in requests.leanProgresses(eventLoop.now) }
            context.write(wrapOutboundOut(slice), promise: written)
        }
    }

    /// What has waited for the answer.
    private func goOn(_ context: ChannelHandlerContext) {
        look(context)
        guard answering == nil else { return }
        if heldClosing { passOnAll(context) }
        if hasPassedOn {
            hasPassedOn = false
            context.fireChannelReadComplete()
        }
        if heldClosing {
            heldClosing = false
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
        if heldRead {
            heldRead = false
            context.read()
        }
    }
}
