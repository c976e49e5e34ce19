import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import StrictJSON

/// A listener of its own for what operators ask: `/metrics`, `/livez` and `/readyz`, in plain HTTP/1.1. It answers until
/// the main one has drained.
enum AdminListener {
    static let maximumConnections = 64

    static func make(
        _ address: HTTPServerSettings.Address, settings: HTTPServerSettings, health: HealthChecks,
        metrics: MetricsRegistry, logger: Logger
    ) -> Listener {
        let state = ServerState(settings, metrics: metrics)
        return Listener(
            Listener.Options(
                address: address, settings: settings, certificates: nil, state: state,
                gate: ConnectionGate(
                    maximum: maximumConnections, maximumPerAddress: maximumConnections, metrics: metrics,
                    listener: "admin"),
                logger: logger),
            onListening: { _ in },
            responder: { request, writer, _ in
                var response = await answer(request, health: health, metrics: metrics)
                response.headers[.date] = state.date.now
                response.headers[.xContentTypeOptions] = "nosniff"
                if request.method == .head { response.body = ResponseBody() }
                try await writer.write(response: response.head, body: response.body)
            })
    }

    private static func answer(
        _ request: Request, health: HealthChecks, metrics: MetricsRegistry
    ) async -> Response {
        guard request.method == .get || request.method == .head else {
            return response(.methodNotAllowed, ["status": 405])
        }
        switch request.uri.path {
        case "/metrics":
            return Response(
                status: .ok, headers: [.contentType: MetricsRegistry.contentType],
                body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.exposition())))
        case "/livez": return response(.ok, ["status": "alive"])
        case "/readyz":
            let report = await health.report()
            return response(report.isReady ? .ok : .serviceUnavailable, report.json())
        default: return response(.notFound, ["status": 404])
        }
    }

    private static func response(_ status: HTTPResponse.Status, _ json: JSONValue) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: json.encoded())))
    }
}

extension MetricsRegistry {
    package static var contentType: String { PrometheusText.contentType }
}
