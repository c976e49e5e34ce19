import HTTPTypes
import Logging
import NIOCore
import ServiceKit
import StrictJSON

/// A request of a hot route, and the way to answer it: once, on the event loop it came on.
package final class HotCall {
    package let request: HotRequest
    package let route: Route
    /// Who asks. nil on public routes only.
    package let identity: Identity?
    /// Milliseconds since the epoch, by the router's clock.
    package let receivedAt: Int64
    /// `X-Request-Id` is taken over; else it is made of `number`. It is put in words only where it is needed.
    private let isNamed: Bool
    private let number: (high: UInt64, low: UInt64)
    private let start: NIODeadline
    private let reply: HotReply
    private let options: SecureRouter.Options

    init(
        _ request: HotRequest, _ route: Route, _ identity: Identity?, receivedAt: Int64, start: NIODeadline,
        _ reply: HotReply, _ options: SecureRouter.Options
    ) {
        self.request = request
        self.route = route
        self.identity = identity
        self.receivedAt = receivedAt
        self.start = start
        self.reply = reply
        self.options = options
        isNamed = request.withHeader("x-request-id") { RequestID.isWellFormed($0) } ?? false
        number = UniqueNumbers.pair()
    }

    package var eventLoop: any EventLoop { request.channel.eventLoop }

    package var requestID: String {
        isNamed ? request.header("x-request-id") ?? "" : Hex.text(number.high, number.low)
    }

    /// As in `APIContext`: the caller's trace when it names one, else one named like the request.
    package private(set) lazy var traceparent: TraceContext = {
        if let caller = request.header("traceparent"),
            let continued = TraceContext(
                traceparent: caller, tracestate: request.header("tracestate"), span: UniqueNumbers.one())
        {
            return continued
        }
        return TraceContext(high: number.high, low: number.low, span: number.low ^ 0x9E37_79B9_7F4A_7C15)
    }()

    /// The client's address: the socket's, or what a trusted proxy says.
    package var remoteAddress: String {
        let socket = request.channel.remoteAddress?.ipAddress ?? "unknown"
        guard !options.trustedProxies.isEmpty else { return socket }
        return options.trustedProxies.client(socket: socket, forwardedFor: request.header("x-forwarded-for"))
    }

    /// As in `APIContext`.
    package var isFromTrustedProxy: Bool {
        request.channel.remoteAddress?.ipAddress.map(options.trustedProxies.contains) ?? false
    }

    /// As in `APIContext`.
    package var clientCertificateThumbprint: String? { PeerCertificates.shared.thumbprint(of: request.channel) }

    /// The body when it has this media type, which is named as plainly as here; nil sends it the ordinary way.
    package func body(of mediaType: StaticString) -> ByteBuffer? {
        let isThis = request.withHeader("content-type") { value in
            value.elementsEqual(UnsafeBufferPointer(start: mediaType.utf8Start, count: mediaType.utf8CodeUnitCount))
        }
        return isThis == true ? request.body : nil
    }

    /// The parameters of a form that is well formed; nil for anything else.
    package func form() -> FormFields? {
        guard let body = body(of: "application/x-www-form-urlencoded") else { return nil }
        return try? FormFields(body.readableBytesView)
    }

    /// The body as strict JSON within the route's limits; nil for anything else.
    package func json() -> JSONValue? {
        body(of: "application/json")?.withUnsafeReadableBytes { bytes in
            try? JSONValue(parsing: bytes.bindMemory(to: UInt8.self), limits: route.options.jsonLimits)
        }
    }

    // MARK: Answering

    /// Lets the route's ordinary handler answer.
    package func passOn() { reply.passOn() }

    package func answer(_ head: HotHead, _ body: [UInt8]) {
        // Room for the request id, and for what the server adds.
        var bytes = request.channel.allocator.buffer(capacity: head.bytes.count + body.count + 320)
        bytes.writeBytes(head.bytes)
        bytes.writeString(String(body.count))
        bytes.writeStaticString("\r\nX-Request-Id: ")
        if isNamed {
            _ = request.withHeader("x-request-id") { bytes.writeBytes($0) }
        } else {
            bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: 32) { raw in
                let digits = raw.bindMemory(to: UInt8.self)
                Hex.append(number.high, to: digits, at: 0)
                Hex.append(number.low, to: digits, at: 16)
                return 32
            }
        }
        bytes.writeStaticString("\r\n")
        reply.answer(HotAnswer(head: bytes, body: body))
        let duration = NIODeadline.now() - start
        route.metrics.record(status: head.status.code, seconds: Double(duration.nanoseconds) * 1e-9)
        if options.accessLog == .all { log(head.status.code, duration) }
    }

    private func log(_ status: Int, _ duration: TimeAmount) {
        guard request.logger.logLevel <= .info else { return }
        var metadata: Logger.Metadata = [
            "request_id": .string(requestID), "trace_id": .string(traceparent.traceID),
            "method": .string(route.method.rawValue), "route": .string(route.path),
            "status": .stringConvertible(status), "duration_us": .stringConvertible(duration.nanoseconds / 1_000),
            "address": .string(remoteAddress),
        ]
        if let identity { metadata["subject"] = .string(identity.subject) }
        request.logger.log(level: .info, "request", metadata: metadata)
    }
}
