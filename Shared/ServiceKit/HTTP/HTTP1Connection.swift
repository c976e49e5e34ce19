import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// A connection of HTTP/1.1 (RFC 9112).
struct HTTP1Connection: ServerChildChannel, HTTPChannelHandler {
    typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    let responder: HTTPChannelHandler.Responder
    let state: ServerState
    let maximumHeaderBytes: Int
    let isSecure: Bool
    /// nil where no route is hot.
    var lean: LeanPath.Shared?

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = maximumHeaderBytes
            limits.maxHeaderListSize = maximumHeaderBytes
            limits.maxHeaderFieldCount = state.maximumHeaderCount
            let requests = RequestGuard(.connection, state: state)
            let pipeline = channel.pipeline.syncOperations
            if let lean {
                try pipeline.addHandler(LeanPath(lean, requests: requests, maximumHeaderBytes: maximumHeaderBytes))
            }
            try pipeline.addHandler(HeadWatch(requests, maximumBytes: maximumHeaderBytes))
            // Requests are answered one after the other by whoever reads them, and faults by the guard.
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: isSecure))
            try pipeline.addHandler(requests)
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    func handle(value: Value, logger: Logger) async { await handleHTTP(asyncChannel: value, logger: logger) }
}

/// Sees the bytes before they are parsed: when a request begins, and that its first line is no longer than its headers
/// may be, which the parser does not look at.
final class HeadWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let requests: RequestGuard
    private let maximumBytes: Int

    init(_ requests: RequestGuard, maximumBytes: Int) {
        self.requests = requests
        self.maximumBytes = maximumBytes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        requests.bytesArrived(context.eventLoop)
        let bytes = unwrapInboundIn(data).readableBytes
        context.fireChannelRead(data)
        requests.headGrew(by: bytes, maximum: maximumBytes)
    }
}
