import APISecurity
import Hummingbird
import StrictJSON
import Testing
import TestSupport

@testable import ServiceKit

@Suite(.serialized) struct OperationsTests {
    private func serve(
        _ server: HealthChecks = HealthChecks(), servesMetrics: Bool = true, openAPI: [UInt8]? = nil,
        _ body: (RunningServer) async throws -> Void
    ) async throws {
        let metrics = MetricsRegistry()
        metrics.counter("things_total").increment()
        let router = SecureRouter(authenticator: NoAuthenticator(), options: .init(metrics: metrics))
        router.registerOperations(health: server, metrics: metrics, servesMetrics: servesMetrics, openAPI: openAPI)
        try await using(try await RunningServer(responder: router.buildResponder()), body)
    }

    private func get(_ server: RunningServer, _ path: String) async throws -> String {
        try await server.exchange("GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    }

    @Test func answersWhoeverOperatesTheService() async throws {
        let health = HealthChecks()
        health.register("database") {}
        try await serve(health, openAPI: Array("{\"openapi\":\"3.1.0\"}".utf8)) { server in
            #expect(try await get(server, "/livez").contains("{\"status\":\"alive\"}"))
            #expect(try await get(server, "/readyz").hasPrefix("HTTP/1.1 200 "))
            let metrics = try await get(server, "/metrics")
            #expect(metrics.contains("\nthings_total 1\n"))
            #expect(metrics.contains("text/plain; version=0.0.4"))
            let document = try await get(server, "/openapi.json")
            #expect(document.hasSuffix("{\"openapi\":\"3.1.0\"}"))
        }
    }

    @Test func namesWhatIsMissing() async throws {
        let health = HealthChecks()
        health.register("database") {}
        health.register("redis") { throw Down() }
        try await serve(health) { server in
            let answer = try await get(server, "/readyz")
            #expect(answer.hasPrefix("HTTP/1.1 503 "))
            #expect(answer.contains("application/problem+json"))
            #expect(answer.contains("Missing: redis."))
            #expect(!answer.contains("hunter2"))
            health.startDraining()
            #expect(try await get(server, "/readyz").contains("urn:jts:problem:draining"))
            #expect(try await get(server, "/livez").hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test func whatIsNotThereIsNotFound() async throws {
        try await serve(servesMetrics: false) { server in
            for path in ["/metrics", "/openapi.json"] {
                let answer = try await get(server, path)
                #expect(answer.hasPrefix("HTTP/1.1 404 "))
            }
        }
    }

    @Test func openAPIDocumentsKeepTheirOrderAndKinds() throws {
        let json = try OpenAPIDocument.json(
            yaml: """
                openapi: 3.1.0
                info: {title: "A: b", version: "1.0"}
                paths:
                  /a:
                    get:
                      responses:
                        200: {description: ok}
                x-kinds: [1, -2, 1.5, true, no-bool, "true", null, ~, 2026-01-01, '007', 0x10, "", text]
                shared: &shared {a: 1}
                again: *shared
                """)
        #expect(json.object?.keys == ["openapi", "info", "paths", "x-kinds", "shared", "again"])
        #expect(json["openapi"]?.string == "3.1.0")
        #expect(json["info"]?["version"]?.string == "1.0")
        #expect(json["paths"]?["/a"]?["get"]?["responses"]?["200"]?["description"]?.string == "ok")
        #expect(
            json["x-kinds"] == [
                1, -2, 1.5, true, "no-bool", "true", nil, nil, "2026-01-01", "007", 16, "", "text",
            ])
        #expect(json["again"]?["a"]?.int == 1)
    }

    @Test func openAPIDocumentsThatCannotBeReadAreNamed() throws {
        let folder = try TemporaryDirectory()
        let bad = try folder.write("a: [", to: "bad.yaml")
        for path in [bad, folder.file("none.yaml"), try folder.write("a: 1\na: 2\n", to: "twice.yaml")] {
            do {
                _ = try OpenAPIDocument.load(path: path)
                Issue.record("\(path) was read")
            } catch { #expect(error.description.hasPrefix(path)) }
        }
        let good = try folder.write("a: 1\n", to: "good.yaml")
        #expect(try OpenAPIDocument.load(path: good) == Array("{\"a\":1}".utf8))
    }
}
