import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Synchronization

/// The HTTP server of a service: HTTP/2 and HTTP/1.1 over TLS where certificates are configured, else HTTP/1.1.
///
/// Where the responder has hot routes (`HotResponder`), it answers those of HTTP/1.1 on the event loop, see `LeanPath`.
///
/// On graceful shutdown `/readyz` says 503 for the drain delay, then nothing new is taken, what was accepted is finished,
/// and what is not finished after the drain timeout is cut off.
public final class HTTPServer<Responder: HTTPResponder>: Service
where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
    private let settings: HTTPServerSettings
    private let health: HealthChecks
    private let logger: Logger
    private let state: ServerState
    private let certificates: CertificateStore?
    private let listener: Listener
    private let admin: Listener?
    private let listening: ListeningChannel

    /// - Parameters:
    ///   - onListening: called with the port, which is of interest when the configured one is 0.
    /// - Throws: what is wrong with the certificates.
    public init(
        _ settings: HTTPServerSettings, responder: Responder, health: HealthChecks, metrics: MetricsRegistry,
        logger: Logger, onListening: (@Sendable (Int) async -> Void)? = nil
    ) throws {
        self.settings = settings
        self.health = health
        self.logger = logger
        let state = ServerState(settings, metrics: metrics)
        self.state = state
        certificates = try settings.tls.map { try CertificateStore($0, logger: logger, metrics: metrics) }
        let listening = ListeningChannel()
        self.listening = listening
        let inFlight = InFlight(maximum: settings.maximumInFlight, metrics: metrics)
        let hot = (responder as? any HotResponder).flatMap { $0.hotRoutes.isEmpty ? nil : $0 }
        listener = Listener(
            Listener.Options(
                address: settings.listen, settings: settings, certificates: certificates, state: state,
                gate: ConnectionGate(
                    maximum: settings.maximumConnections, maximumPerAddress: settings.maximumConnectionsPerAddress,
                    metrics: metrics),
                logger: logger,
                lean: hot.map { LeanPath.Shared(responder: $0, inFlight: inFlight, metrics: metrics, logger: logger) }),
            onListening: { channel in
                listening.set(channel)
                await onListening?(channel.localAddress?.port ?? 0)
            },
            responder: HTTPServer.answering(responder, state: state, inFlight: inFlight, logger: logger))
        admin = settings.adminListen.map { address in
            AdminListener.make(address, settings: settings, health: health, metrics: metrics, logger: logger)
        }
    }

    /// Serves until graceful shutdown or cancellation.
    /// - Throws: when the address cannot be listened on.
    public func run() async throws {
        // Tasks of their own: the listeners are not to hear of the graceful shutdown by themselves, as it begins with
        // a delay, and the certificates are needed until the end.
        let background = Task.detached { [certificates, admin] in
            try await withThrowingTaskGroup(of: Void.self) { group in
                if let certificates { group.addTask { try await certificates.run() } }
                if let admin { group.addTask { try await admin.run() } }
                try await group.waitForAll()
            }
        }
        let serving = Task.detached { [listener] in try await listener.run() }
        let failing = Task.detached { [listener] in
            // Without its admin listener the service is not what was configured.
            if case .failure(let error) = await background.result, !(error is CancellationError) {
                serving.cancel()
                listener.gate.closeAll()
            }
        }
        defer { failing.cancel() }
        let outcome = await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await serving.result
            } onCancel: {
                serving.cancel()
                self.listener.gate.closeAll()
            }
        } onGracefulShutdown: {
            Task.detached { await self.drain() }
        }
        background.cancel()
        admin?.gate.closeAll()
        if case .failure(let error) = await background.result, !(error is CancellationError) { throw error }
        try outcome.get()
    }

    // MARK: Stopping

    private func drain() async {
        health.startDraining()
        state.startDraining()
        logger.info("the server drains", metadata: ["connections": "\(listener.gate.count)"])
        if settings.drainDelay > .zero { try? await Task.sleep(for: settings.drainDelay) }
        if let channel = listening.channel {
            await AcceptQueue.refuseNewConnections(channel)
            try? await Task.sleep(for: AcceptQueue.grace)
        }
        state.startClosing()
        let forcing = Task.detached { [settings, listener, logger] in
            guard (try? await Task.sleep(for: settings.drainTimeout)) != nil else { return }
            let left = listener.gate.count
            if left > 0 {
                logger.warning("connections are cut off after the drain timeout", metadata: ["connections": "\(left)"])
            }
            listener.gate.closeAll()
        }
        try? await listener.stop()
        forcing.cancel()
        try? await admin?.stop()
    }

    // MARK: Answering

    private static func answering(
        _ responder: Responder, state: ServerState, inFlight: InFlight, logger: Logger
    ) -> HTTPChannelHandler.Responder {
        { request, writer, channel in
            var response: Response
            let isExempt = InFlight.isExempt(request.head.path)
            if isExempt || inFlight.enter() {
                // The place is free again before the answer is written: a client that does not read it keeps none.
                defer { if !isExempt { inFlight.leave() } }
                let context = Responder.Context(
                    source: ApplicationRequestContextSource(channel: channel, logger: logger))
                do {
                    response = try await responder.respond(to: request, context: context)
                } catch let error as HTTPParserError {
                    throw error
                } catch {
                    logger.error("a request failed unexpectedly", metadata: ["error": "\(error)"])
                    response = HTTPServer.response(.failed)
                }
            } else {
                state.count(.overloaded)
                response = HTTPServer.response(.overloaded)
            }
            response.headers[.date] = state.date.now
            do {
                try await writer.write(response: response.head, body: response.body)
            } catch is HTTPParserError {
                // Not to be answered once more.
                throw BrokenRequest()
            }
        }
    }

    private static func response(_ refusal: Refusal) -> Response {
        var fields: HTTPFields = [.contentType: "application/problem+json", .cacheControl: "no-store"]
        if let retryAfter = refusal.retryAfter { fields[.retryAfter] = String(retryAfter) }
        return Response(status: refusal.status, headers: fields, body: ResponseBody(byteBuffer: refusal.body))
    }
}

extension HTTPServer: SlowToStop {
    package var stopTime: Duration { settings.drainDelay + settings.drainTimeout }
}

/// The request turned out to be malformed while it was being answered.
private struct BrokenRequest: Error {}

/// The listening socket, once there is one.
private final class ListeningChannel: Sendable {
    private let held = Mutex<(any Channel)?>(nil)

    var channel: (any Channel)? { held.withLock { $0 } }
    func set(_ channel: any Channel) { held.withLock { $0 = channel } }
}
