import NIOCore
import NIOHTTP2

/// Ends connections of HTTP/2 that are of no use: a client that leaves everything unread, or that keeps a connection
/// without a request and does not answer when it is asked to go (GOAWAY, RFC 9113 section 6.8).
final class HTTP2ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private let state: ServerState
    private var streams = 0
    private var idleSince: NIODeadline
    private var blockedSince: NIODeadline?
    private var quiescingSince: NIODeadline?
    private var timer: Scheduled<Void>?

    init(state: ServerState, now: NIODeadline) {
        self.state = state
        idleSince = now
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if state.isClosing { quiescingSince = context.eventLoop.now }
        schedule(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        context.fireChannelInactive()
    }

    func streamOpened() { streams += 1 }

    func streamClosed(_ now: NIODeadline) {
        streams -= 1
        if streams == 0 { idleSince = now }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        blockedSince = context.channel.isWritable ? nil : context.eventLoop.now
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            quiescingSince = context.eventLoop.now
            schedule(context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// What runs out next. An idle connection is asked to go after the idle timeout and has a moment to do so.
    private var next: (at: NIODeadline, expiry: RequestDeadlines.Expiry) {
        let limits = state.deadlines
        var next = (at: NIODeadline.distantFuture, expiry: RequestDeadlines.Expiry.idle)
        if streams == 0 {
            next.at = idleSince + limits.idle + limits.linger
            if let quiescingSince {
                let end = max(idleSince, quiescingSince) + limits.quiesce + limits.linger
                if end < next.at { next = (end, .quiesce) }
            }
        }
        if let blockedSince, blockedSince + limits.write < next.at { next = (blockedSince + limits.write, .write) }
        return next
    }

    private func schedule(_ context: ChannelHandlerContext) {
        timer?.cancel()
        let now = context.eventLoop.now
        // What may begin in the meantime does not run out before either of these.
        let pause = quiescingSince == nil ? state.deadlines.shortest : state.deadlines.quiesce
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: min(next.at, now + pause)) { [self] in
            let next = next
            if next.at <= context.eventLoop.now {
                state.count(next.expiry)
                context.close(promise: nil)
            } else {
                schedule(context)
            }
        }
    }
}

/// Tells the guard of a connection of its streams.
final class HTTP2StreamWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    private var connection: HTTP2ConnectionGuard?

    func handlerAdded(context: ChannelHandlerContext) {
        // The streams of a connection share its event loop.
        guard let parent = context.channel.parent, parent.eventLoop.inEventLoop else { return }
        connection = try? parent.pipeline.syncOperations.handler(type: HTTP2ConnectionGuard.self)
        connection?.streamOpened()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        connection?.streamClosed(context.eventLoop.now)
        connection = nil
    }
}
