import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Stands between a connection of HTTP/1.1, or a stream of HTTP/2, and whoever answers: keeps deadlines, refuses what is
/// malformed or too large, keeps requests back until they are whole or large, and ends connections when that is due.
final class RequestGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// The body of a request is larger than any route takes.
    struct BodyTooLarge: Error {}

    private let carrier: RequestDeadlines.Carrier
    let state: ServerState
    var deadlines: RequestDeadlines?
    private var timer: (task: Scheduled<Void>, at: NIODeadline)?
    private(set) var context: ChannelHandlerContext?
    /// Of a head that is not whole yet.
    private var headBytes = 0

    /// A request that is not passed on yet.
    private var heldHead: HTTPRequest?
    /// The beginning of one is held by the lean path.
    var isHeldBelow = false
    private var heldBody: [ByteBuffer] = []
    private var bodyBytes = 0
    /// To be given when everything before is answered.
    private(set) var refusal: Refusal?
    /// Whatever comes in is thrown away.
    var isDeaf = false
    var closesAfterAnswer = false

    init(_ carrier: RequestDeadlines.Carrier, state: ServerState) {
        self.carrier = carrier
        self.state = state
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { start(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }

    private func start(_ context: ChannelHandlerContext) {
        guard deadlines == nil else { return }
        let now = context.eventLoop.now
        deadlines = RequestDeadlines(state.deadlines, carrier: carrier, now: now)
        if state.isClosing { deadlines?.quiesces(now) }
        schedule(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        stop()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    private func stop() {
        timer?.task.cancel()
        timer = nil
        isDeaf = true
        heldHead = nil
        heldBody = []
    }

    // MARK: Requests

    /// Told by whoever sees the bytes before they are parsed.
    func bytesArrived(_ eventLoop: any EventLoop) { deadlines?.bytesArrived(eventLoop.now) }

    /// Told after they are parsed. The parser limits header fields but not the line before them.
    func headGrew(by bytes: Int, maximum: Int) {
        guard !isDeaf, deadlines?.isWithinHead == true else { return headBytes = 0 }
        headBytes += bytes
        if headBytes > 2 * maximum, let context { refuse(context, .headTooLarge) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDeaf else { return }
        switch unwrapInboundIn(data) {
        case .head(let head): readHead(context, head)
        case .body(let buffer): readBody(context, buffer)
        case .end(let trailers):
            deadlines?.endRead(context.eventLoop.now)
            passOnHeld(context)
            context.fireChannelRead(wrapInboundOut(.end(trailers)))
            // What follows the last request of a connection is nobody's.
            if closesAfterAnswer { isDeaf = true }
        }
    }

    private func readHead(_ context: ChannelHandlerContext, _ head: HTTPRequest) {
        deadlines?.headRead(context.eventLoop.now)
        bodyBytes = 0
        let (length, closes, expectsContinue) = RequestGuard.inspect(head.headerFields)
        if head.headerFields.count > state.maximumHeaderCount || (head.path?.utf8.count ?? 0) > state.maximumPathBytes {
            return refuse(context, .headTooLarge)
        }
        if let length, length > state.maximumBodyBytes { return refuse(context, .bodyTooLarge) }
        if closes, carrier == .connection { closesAfterAnswer = true }
        if expectsContinue, deadlines?.outstanding == 0, refusal == nil {
            context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
        }
        heldHead = head
    }

    private func readBody(_ context: ChannelHandlerContext, _ buffer: ByteBuffer) {
        deadlines?.bodyRead(context.eventLoop.now)
        bodyBytes += buffer.readableBytes
        let isHeld = heldHead != nil
        guard bodyBytes <= state.maximumBodyBytes else {
            if isHeld { return refuse(context, .bodyTooLarge) }
            state.count(.bodyTooLarge)
            context.fireChannelRead(wrapInboundOut(.body(buffer)))
            return failBody(context, BodyTooLarge())
        }
        if isHeld {
            heldBody.append(buffer)
            if bodyBytes > ServerState.heldBytes { passOnHeld(context) }
        } else {
            context.fireChannelRead(wrapInboundOut(.body(buffer)))
        }
    }

    private func passOnHeld(_ context: ChannelHandlerContext) {
        guard let head = heldHead else { return }
        heldHead = nil
        deadlines?.requestPassedOn()
        context.fireChannelRead(wrapInboundOut(.head(head)))
        guard !heldBody.isEmpty else { return }
        for buffer in heldBody { context.fireChannelRead(wrapInboundOut(.body(buffer))) }
        heldBody = []
    }

    /// One pass over the fields that matter here.
    private static func inspect(_ fields: HTTPFields) -> (length: Int?, closes: Bool, expectsContinue: Bool) {
        var (length, closes, expectsContinue): (Int?, Bool, Bool) = (nil, false, false)
        for field in fields {
            switch field.name {
            case .contentLength: length = Int(field.value) ?? Int.max
            case .connection: closes = closes || hasToken(field.value, "close")
            case .expect: expectsContinue = field.value.lowercased() == "100-continue"
            default: break
            }
        }
        return (length, closes, expectsContinue)
    }

    private static func hasToken(_ value: String, _ token: String) -> Bool {
        if value == token { return true }
        return value.lowercased().split(separator: ",").contains {
            $0.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" } == token
        }
    }

    // MARK: Faults

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !isDeaf else { return }
        guard let deadlines, carrier == .connection, RequestGuard.isMalformed(error) else {
            context.fireErrorCaught(error)
            return context.close(promise: nil)
        }
        if deadlines.isWithinBody, heldHead == nil { return failBody(context, error) }
        refuse(context, error as? HTTPParserError == .headerOverflow ? .headTooLarge : .malformed)
    }

    /// Errors of parsing and of making a request of what was parsed, as opposed to those of the transport.
    private static func isMalformed(_ error: any Error) -> Bool {
        !(error is IOError || error is ChannelError || error is EventLoopError)
            && (error is HTTPParserError || "\(type(of: error))".contains("Conversion"))
    }

    /// Tells whoever reads the body that it does not go on; the connection ends with the answer.
    private func failBody(_ context: ChannelHandlerContext, _ error: any Error) {
        isDeaf = true
        closesAfterAnswer = true
        deadlines?.inputEnds()
        if deadlines?.outstanding == 0 {
            finish(context)
        } else {
            context.fireErrorCaught(error)
        }
    }

    private func refuse(_ context: ChannelHandlerContext, _ refusal: Refusal) {
        state.count(refusal)
        isDeaf = true
        heldHead = nil
        heldBody = []
        deadlines?.inputEnds()
        closesAfterAnswer = true
        if deadlines?.outstanding == 0 { give(context, refusal) } else { self.refusal = refusal }
    }

    private func give(_ context: ChannelHandlerContext, _ refusal: Refusal) {
        var (head, body) = refusal.answer(date: state.date.now)
        if carrier == .connection { head.headerFields[.connection] = "close" }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
        deadlines?.closes(context.eventLoop.now)
        let written = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
        finish(context, after: written.futureResult)
    }

    // MARK: Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head): writeHead(context, head, promise)
        case .body(let buffer) where buffer.readableBytes > ServerState.writeSlice:
            writeSlices(context, buffer, promise)
        case .body: context.write(data, promise: promise)
        case .end:
            guard deadlines != nil else { return context.write(data, promise: promise) }
            deadlines?.answered(context.eventLoop.now)
            guard closesAfterAnswer, deadlines?.outstanding == 0 else {
                context.write(data, promise: promise)
                if carrier == .stream { schedule(context) }
                return
            }
            if let refusal {
                self.refusal = nil
                context.write(data, promise: promise)
                give(context, refusal)
            } else {
                isDeaf = isDeaf || !isReading
                deadlines?.closes(context.eventLoop.now)
                let written = promise ?? context.eventLoop.makePromise(of: Void.self)
                context.writeAndFlush(data, promise: written)
                finish(context, after: written.futureResult)
            }
        }
    }

    /// Whether a request that was passed on, or is held, has not come in wholly.
    private var isReading: Bool { deadlines?.isWithinBody ?? false }

    private func writeHead(
        _ context: ChannelHandlerContext, _ head: HTTPResponse, _ promise: EventLoopPromise<Void>?
    ) {
        guard carrier == .connection, head.status.kind != .informational else {
            return context.write(wrapOutboundOut(.head(head)), promise: promise)
        }
        var head = head
        if let connection = head.headerFields[.connection] {
            if RequestGuard.hasToken(connection, "close") { closesAfterAnswer = true }
        } else if deadlines?.outstanding == 1, refusal == nil, closesAfterAnswer || state.isDraining {
            closesAfterAnswer = true
            head.headerFields[.connection] = "close"
        }
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }

    /// In pieces, so that it shows whether the client reads.
    private func writeSlices(
        _ context: ChannelHandlerContext, _ buffer: ByteBuffer, _ promise: EventLoopPromise<Void>?
    ) {
        var buffer = buffer
        let eventLoop = context.eventLoop
        while buffer.readableBytes > ServerState.writeSlice,
            let slice = buffer.readSlice(length: ServerState.writeSlice)
        {
            let written = eventLoop.makePromise(of: Void.self)
            written.futureResult.assumeIsolated().whenSuccess { [self] in deadlines?.writesProgress(eventLoop.now) }
            context.write(wrapOutboundOut(.body(slice)), promise: written)
        }
        context.write(wrapOutboundOut(.body(buffer)), promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            deadlines?.writesFlow()
        } else {
            deadlines?.writesBlock(context.eventLoop.now)
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Reading

    func read(context: ChannelHandlerContext) {
        deadlines?.readingResumes(context.eventLoop.now)
        // A wait that stood still goes on where it was, and may end before what the timer is set to.
        if let next = deadlines?.next?.at, let timer, next < timer.at { schedule(context) }
        context.read()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // The read that follows at once, or when there is room again, passes by `read`.
        deadlines?.readingPauses(context.eventLoop.now)
        context.fireChannelReadComplete()
    }

    // MARK: The end

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            deadlines?.quiesces(context.eventLoop.now)
            if deadlines?.isIdle == false { closesAfterAnswer = true }
            schedule(context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode == .output, carrier == .connection, let deadlines, !deadlines.isLingering {
            self.deadlines?.lingers(context.eventLoop.now)
            schedule(context)
        }
        context.close(mode: mode, promise: promise)
    }

    /// Closes our side once the last answer has left, and the whole when the client has closed its own or a moment later.
    func finish(_ context: ChannelHandlerContext, after written: EventLoopFuture<Void>? = nil) {
        schedule(context)
        // A stream ends with its answer; resetting it would make some clients throw the answer away.
        guard carrier == .connection else { return }
        guard let written else { return closeOutput(context) }
        written.assumeIsolated().whenComplete { [self] _ in closeOutput(context) }
    }

    private func closeOutput(_ context: ChannelHandlerContext) {
        guard let deadlines, !deadlines.isLingering, context.channel.isActive else { return }
        self.deadlines?.lingers(context.eventLoop.now)
        schedule(context)
        let closed = context.eventLoop.makePromise(of: Void.self)
        closed.futureResult.assumeIsolated().whenFailure { _ in context.close(promise: nil) }
        context.close(mode: .output, promise: closed)
    }

    // MARK: Time

    private func schedule(_ context: ChannelHandlerContext) {
        guard let deadlines else { return }
        let at = deadlines.lookAgain(context.eventLoop.now)
        if let timer {
            guard at < timer.at else { return }
            timer.task.cancel()
        }
        let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: at) { [self] in
            timer = nil
            if let expiry = self.deadlines?.expired(context.eventLoop.now) { expire(context, expiry) }
            if context.channel.isActive { schedule(context) }
        }
        timer = (task, at)
    }

    private func expire(_ context: ChannelHandlerContext, _ expiry: RequestDeadlines.Expiry) {
        state.count(expiry)
        let canRefuse =
            switch expiry {
            case .head: deadlines?.outstanding == 0 && carrier == .connection
            case .body, .bodyProgress: deadlines?.outstanding == 0 && (heldHead != nil || isHeldBelow)
            case .connect, .idle, .write, .linger, .quiesce: false
            }
        if canRefuse, !isDeaf { refuse(context, .timeout) } else { context.close(promise: nil) }
    }
}
