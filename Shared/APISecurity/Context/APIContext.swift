import Hummingbird
import Logging
import NIOCore
import ServiceKit

/// What is known of a request besides itself.
public struct APIContext: RequestContext {
    public var coreContext: CoreRequestContextStorage
    /// `X-Request-Id` of the answer and of everything that is logged or recorded about the request.
    public internal(set) var requestID: String
    public internal(set) var traceparent: TraceContext
    /// Who asks. nil on public routes only.
    public var identity: Identity?
    /// The route that was found.
    public internal(set) var route: Route?
    /// The query, each name once.
    public internal(set) var query: QueryParameters
    /// Now, in milliseconds since the epoch, by the router's clock.
    public internal(set) var receivedAt: Int64
    var trustedProxies: TrustedProxies
    var forwardedFor: String?
    /// Without the request's own metadata, which cost something to add and are seldom needed.
    var baseLogger: Logger
    private let channel: any Channel

    public init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
        baseLogger = source.logger
        let (high, low) = UniqueNumbers.pair()
        requestID = Hex.text(high, low)
        // A trace that starts here is named like the request: one number less to look for.
        traceparent = TraceContext(high: high, low: low, span: low ^ 0x9E37_79B9_7F4A_7C15)
        query = QueryParameters()
        receivedAt = 0
        trustedProxies = .none
    }

    /// The client's address: the socket's, or what a trusted proxy says.
    public var remoteAddress: String {
        let socket = channel.remoteAddress?.ipAddress ?? "unknown"
        return trustedProxies.client(socket: socket, forwardedFor: forwardedFor)
    }

    /// Whether what the request says of its client is that of a proxy that is believed.
    package var isFromTrustedProxy: Bool { channel.remoteAddress?.ipAddress.map(trustedProxies.contains) ?? false }

    /// `x5t#S256` of the certificate that the client showed and we verified (RFC 8705 section 3.1), base64url.
    public var clientCertificateThumbprint: String? { PeerCertificates.shared.thumbprint(of: channel) }

    /// A logger that names the request and its trace.
    public var logger: Logger {
        get {
            var logger = baseLogger
            logger[metadataKey: "request_id"] = .string(requestID)
            logger[metadataKey: "trace_id"] = .string(traceparent.traceID)
            return logger
        }
        set { baseLogger = newValue }
    }

    /// - Throws: `Problem` 401 on a route that is public.
    public func requireIdentity() throws(Problem) -> Identity {
        guard let identity else { throw Challenge.problem(.missingCredentials) }
        return identity
    }

    /// How much body the route takes.
    var bodyLimit: Int { route?.options.bodyLimit ?? RouteOptions.defaultBodyLimit }
}
