import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOSSL
import NIOTLS

/// TLS with the certificates of the moment, then HTTP/2 or HTTP/1.1 as the client and we agree (ALPN, RFC 7301).
struct TLSUpgradeChannel: ServerChildChannel {
    enum Negotiated: Sendable {
        case http1(HTTP1Connection.Value)
        case http2(HTTP2Channel.Value)
    }

    struct Value: ServerChildChannelValue {
        let negotiated: EventLoopFuture<Negotiated>
        let channel: any Channel
    }

    let certificates: CertificateStore
    let handshakeTimeout: TimeAmount
    let state: ServerState
    let http1: HTTP1Connection
    let http2: HTTP2Channel

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(NIOSSLServerHandler(context: certificates.context))
            try pipeline.addHandler(HandshakeHandler(timeout: handshakeTimeout))
            let negotiation = NIOTypedApplicationProtocolNegotiationHandler<Negotiated> { result, channel in
                switch result {
                case .negotiated("h2"):
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            HTTP2ConnectionGuard(state: state, now: channel.eventLoop.now))
                    }.flatMap { http2.setup(channel: channel, logger: logger) }.map { .http2($0) }
                case .negotiated, .fallback:
                    http1.setup(channel: channel, logger: logger).map { .http1($0) }
                }
            }
            try pipeline.addHandler(negotiation)
            return Value(negotiated: negotiation.protocolNegotiationResult, channel: channel)
        }
    }

    func handle(value: Value, logger: Logger) async {
        do {
            switch try await value.negotiated.get() {
            case .http1(let channel): await http1.handle(value: channel, logger: logger)
            case .http2(let channel): await http2.handle(value: channel, logger: logger)
            }
        } catch {
            logger.debug("a TLS handshake failed", metadata: ["error": "\(error)"])
            value.channel.close(promise: nil)
        }
    }
}

/// Ends handshakes that take too long, and notes the certificate that a client showed.
final class HandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    private let timeout: TimeAmount
    private var deadline: Scheduled<Void>?

    init(timeout: TimeAmount) { self.timeout = timeout }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event {
            deadline?.cancel()
            deadline = nil
            if let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate() {
                // A certificate that has no DER form cannot have come over the wire.
                try? PeerCertificates.shared.register(certificate, for: context.channel)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }
}
