import HTTPTypes
import Hummingbird
import Testing

@testable import APISecurity

/// Metrics and the access log: routes, never what a request holds.
@Suite struct ObservationTests {
    private static let secret = "zzz-secret-zzz"

    private func api(_ accessLog: SecureRouter.AccessLog = .all) -> TestAPI {
        TestAPI(accessLog: accessLog) { router in
            router.get("/v1/things/{thing}", .permission("things:read")) { _, _ in .json(["a": 1]) }
            router.post("/v1/things", .public) { request, context in
                .json(["got": try await request.json(context)])
            }
            router.get("/v1/broken", .public) { _, _ in throw Problem.unavailable() }
        }
    }

    /// Everywhere a caller can put something.
    private func speak(to api: TestAPI) async throws {
        let secret = Self.secret
        let headers: HTTPFields = [.authorization: "Bearer reader", .userAgent: secret, .cookie: secret]
        #expect(try await api.send(.get, "/v1/things/\(secret)?q=\(secret)", headers: headers).status == 200)
        #expect(try await api.send(.get, "/v1/things/\(secret)").status == 401)
        #expect(try await api.send(.get, "/\(secret)").status == 404)
        #expect(try await api.send(.get, "/v1/things/x?\(secret)=1&\(secret)=2").status == 400)
        #expect(try await api.get("/v1/things/x", token: secret).status == 401)
        let method = try #require(HTTPRequest.Method(secret))
        #expect(try await api.send(method, "/v1/things").status == 405)
        #expect(try await api.post("/v1/things", "{\"\(secret)\"}").status == 400)
        #expect(try await api.post("/v1/things", "\"\(secret)\"", type: secret).status == 415)
        #expect(try await api.post("/v1/things", "\"\(secret)\"").status == 200)
    }

    @Test func metricsHoldRoutesOnly() async throws {
        let api = api()
        try await speak(to: api)
        let text = api.metrics.exposition()
        #expect(!text.contains(Self.secret))
        let expected = [
            #"http_requests_total{method="GET",route="/v1/things/{thing}",status="200"} 1"#,
            #"http_requests_total{method="GET",route="/v1/things/{thing}",status="401"} 2"#,
            #"http_requests_total{method="GET",route="/v1/things/{thing}",status="400"} 1"#,
            #"http_requests_total{method="any",route="none",status="404"} 1"#,
            #"http_requests_total{method="any",route="none",status="405"} 1"#,
            #"http_requests_total{method="POST",route="/v1/things",status="200"} 1"#,
            #"http_request_duration_seconds_count{method="GET",route="/v1/things/{thing}"} 4"#,
        ]
        for line in expected { #expect(text.contains(line), "\(line) in\n\(text)") }
    }

    @Test func countsGoOn() async throws {
        let api = api()
        for _ in 0..<50 { _ = try await api.get("/v1/things/1", token: "reader") }
        #expect(
            api.metrics.exposition().contains(
                #"http_requests_total{method="GET",route="/v1/things/{thing}",status="200"} 50"#))
    }

    @Test func logHoldsRoutesOnly() async throws {
        let api = api()
        try await speak(to: api)
        #expect(!api.log.text.contains(Self.secret))
        #expect(api.log.text.contains("/v1/things/{thing}"))
        #expect(api.log.text.contains("reader"))
        #expect(api.log.text.contains("value: other"))
        #expect(api.log.text.contains("request_id"))
        #expect(api.log.text.contains("trace_id"))
    }

    @Test func whatIsLogged() async throws {
        let errors = api(.errors)
        _ = try await errors.get("/v1/things/1", token: "reader")
        #expect(errors.log.text.isEmpty)
        _ = try await errors.get("/v1/things/1")
        #expect(errors.log.text.hasPrefix("info request"))
        let none = api(.none)
        _ = try await none.get("/v1/things/1")
        #expect(none.log.text.isEmpty)
        // A failure of ours is always written.
        _ = try await none.get("/v1/broken")
        #expect(none.log.text.hasPrefix("warning request"))
    }
}
