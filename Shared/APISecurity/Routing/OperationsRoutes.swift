import HTTPTypes
import Hummingbird
import NIOCore
import ServiceKit
import StrictJSON

extension SecureRouter {
    /// Registers what every service answers to those who operate it, all of it public:
    ///
    /// - `GET /livez`: the process runs.
    /// - `GET /readyz`: 200, or 503 with the names of what is missing.
    /// - `GET /metrics`: Prometheus' text format; not when a listener of its own has it.
    /// - `GET /openapi.json`: the description of the API; 404 when there is none.
    public func registerOperations(
        health: HealthChecks, metrics: MetricsRegistry, servesMetrics: Bool = true, openAPI: [UInt8]? = nil
    ) {
        get("/livez", .public) { _, _ in .json(["status": "alive"]) }
        get("/readyz", .public) { _, _ in
            let report = await health.report()
            return report.isReady ? .json(report.json()) : Problem.notReady(report).response()
        }
        if servesMetrics {
            get("/metrics", .public) { _, _ in
                Response(
                    status: .ok, headers: [.contentType: MetricsRegistry.contentType, .cacheControl: "no-store"],
                    body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.exposition())))
            }
        }
        let document = openAPI.map { ByteBuffer(bytes: $0) }
        get("/openapi.json", .public) { _, _ in
            guard let document else { throw Problem.notFound() }
            return .json(buffer: document)
        }
    }
}

extension Problem {
    /// Names what is missing, never why: that is in the log.
    static func notReady(_ report: HealthReport) -> Problem {
        var extensions = JSONObject()
        if case .object(let members) = report.json() {
            extensions["dependencies"] = members["dependencies"]
            extensions["missing"] = .array(report.missing.map { .string($0) })
        }
        let detail =
            report.isDraining ? "The service is stopping." : "Missing: \(report.missing.joined(separator: ", "))."
        return Problem(
            status: .serviceUnavailable, type: report.isDraining ? "draining" : "not-ready",
            title: "Not ready", detail: detail, headers: [.retryAfter: "1", .cacheControl: "no-store"],
            extensions: extensions)
    }
}
