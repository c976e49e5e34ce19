import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOPosix

/// One address that is listened on, with its connections.
struct Listener: Sendable {
    let gate: ConnectionGate
    /// Listens until `stop`. Throws when it cannot.
    let run: @Sendable () async throws -> Void
    /// Closes the listening socket and idle connections, and returns when the others have closed.
    let stop: @Sendable () async throws -> Void

    struct Options: Sendable {
        var address: HTTPServerSettings.Address
        var settings: HTTPServerSettings
        var certificates: CertificateStore?
        var state: ServerState
        var gate: ConnectionGate
        var logger: Logger
        /// What is answered before requests become tasks; nil for nothing.
        var lean: LeanPath.Shared?
    }

    init(
        _ options: Options, onListening: @escaping @Sendable (any Channel) async -> Void,
        responder: @escaping HTTPChannelHandler.Responder
    ) {
        gate = options.gate
        let settings = options.settings
        let http1 = HTTP1Connection(
            responder: responder, state: options.state, maximumHeaderBytes: settings.maximumHeaderBytes,
            isSecure: options.certificates != nil, lean: options.lean)
        guard let certificates = options.certificates else {
            (run, stop) = Listener.serve(http1, options, onListening)
            return
        }
        let state = options.state
        let streams = HTTP1Channel.Configuration(
            additionalChannelHandlers: [HTTP2StreamWatch(), RequestGuard(.stream, state: state)])
        let http2 = HTTP2Channel(
            responder: responder,
            configuration: HTTP2ChannelConfiguration(
                idleTimeout: settings.idleTimeout, gracefulCloseTimeout: settings.drainTimeout,
                streamConfiguration: streams))
        let upgrade = TLSUpgradeChannel(
            certificates: certificates, handshakeTimeout: TimeAmount(settings.headerTimeout), state: state,
            http1: http1, http2: http2)
        (run, stop) = Listener.serve(upgrade, options, onListening)
    }

    private static func serve(
        _ connections: some ServerChildChannel, _ options: Options,
        _ onListening: @escaping @Sendable (any Channel) async -> Void
    ) -> (@Sendable () async throws -> Void, @Sendable () async throws -> Void) {
        let server = Server(
            childChannelSetup: GatedChannel(base: connections, gate: options.gate),
            configuration: ServerConfiguration(
                address: .hostname(options.address.host, port: options.address.port), backlog: 1_024),
            onServerRunning: onListening, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: options.logger)
        return ({ try await server.run() }, { try await server.shutdownGracefully() })
    }
}
