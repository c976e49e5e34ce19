import Foundation
import HTTPTypes
import Hummingbird
import StrictJSON
import Testing

@testable import APISecurity

/// What every answer looks like, whichever way it came about.
@Suite struct AnswerTests {
    private struct Leaky: Error, CustomStringConvertible, CustomDebugStringConvertible, LocalizedError {
        static let secret = "s3cr3t-of-a-store"
        var password = Leaky.secret
        var description: String { "password \(password)" }
        var debugDescription: String { description }
        var errorDescription: String? { description }
    }

    private enum Store: Error {
        case refused(password: String)
        case gone
    }

    private static func register(_ router: SecureRouter) {
        router.get("/public", .public) { _, _ in .json(["a": 1]) }
        router.post("/public", .public) { _, _ in .json(["a": 1]) }
        router.get("/private", .authenticated) { _, _ in .json(["a": 1]) }
        router.get("/empty", .public) { _, _ in .noContent }
        router.get("/unchanged", .public) { _, _ in Response(status: .notModified) }
        router.get("/cached", .public) { _, _ in
            var response = Response.json(["a": 1])
            response.headers[.cacheControl] = "public, max-age=60"
            return response
        }
        router.get("/own", .authenticated) { _, _ in
            var response = Response.json(["a": 1])
            response.headers = [.contentType: "image/svg+xml", .cacheControl: "private, max-age=5"]
            for (name, value) in [
                ("Content-Security-Policy", "sandbox"), ("x-content-type-options", "nosniff"),
                ("X-Request-Id", "forged"),
            ] {
                if let name = HTTPField.Name(name) { response.headers.append(HTTPField(name: name, value: value)) }
            }
            return response
        }
        router.get("/problem", .public) { _, _ in
            throw Problem(
                status: .conflict, type: "taken", title: "Taken", detail: "By \"somebody\"\n",
                headers: [.retryAfter: "3", .contentType: "text/html"],
                extensions: ["left": 2, "status": 999, "type": "forged"])
        }
        router.get("/uri", .public) { _, _ in throw Problem(status: .gone, type: "https://x.test/p", title: "Gone") }
        router.get("/leaky", .public) { _, _ in throw Leaky() }
        router.get("/enum", .public) { _, _ in throw Store.refused(password: Leaky.secret) }
        router.get("/foundation", .public) { _, _ in
            throw NSError(domain: "d", code: 1, userInfo: [NSLocalizedDescriptionKey: Leaky.secret])
        }
        router.get("/hummingbird", .public) { _, _ in
            throw HTTPError(.internalServerError, message: Leaky.secret)
        }
        router.get("/number/{n}", .public) { _, context in
            .json(["n": .int(Int64(try context.parameters.require("n", as: Int.self)))])
        }
        router.get("/cancelled", .public) { _, _ in throw CancellationError() }
        router.get("/mapped", .public) { _, _ in throw Store.gone }
    }

    private func api(strictTransport: Bool = false) -> TestAPI {
        TestAPI(
            strictTransport: strictTransport,
            problem: { error in if case Store.gone = error { .unavailable(retryAfter: 4) } else { nil } },
            AnswerTests.register)
    }

    // MARK: Headers

    @Test(arguments: [
        ("/public", "", 200), ("/private", "reader", 200), ("/private", "", 401), ("/private", "expired", 401),
        ("/empty", "", 204), ("/nowhere", "", 404), ("/problem", "", 409), ("/leaky", "", 500),
        ("/public?a=%", "", 400),
        ("/cached", "", 200), ("/cancelled", "", 503), ("/unchanged", "", 304), ("nonsense", "", 400),
    ])
    func everyAnswer(target: String, token: String, status: Int) async throws {
        for method in [HTTPRequest.Method.get, .head] {
            let answer = try await api().send(
                method, target, headers: token.isEmpty ? [:] : [.authorization: "Bearer \(token)"])
            #expect(answer.status == status)
            #expect(answer.values("X-Content-Type-Options") == ["nosniff"])
            #expect(answer.values("Content-Security-Policy") == ["default-src 'none'; frame-ancestors 'none'"])
            #expect(answer.values("Referrer-Policy") == ["no-referrer"])
            #expect(answer.values("Cross-Origin-Resource-Policy") == ["same-origin"])
            #expect(answer.values("Permissions-Policy").count == 1)
            #expect(answer.values("X-Request-Id").count == 1)
            #expect(answer.values("Strict-Transport-Security").isEmpty)
            #expect(answer.values("Server").isEmpty)
            #expect(answer.values("X-Powered-By").isEmpty)
        }
    }

    @Test func strictTransport() async throws {
        let api = api(strictTransport: true)
        for target in ["/public", "/private", "/nowhere", "/leaky"] {
            let values = try await api.get(target).values("Strict-Transport-Security")
            #expect(values == ["max-age=63072000; includeSubDomains"])
        }
    }

    @Test func caches() async throws {
        let api = api()
        #expect(try await api.get("/public").values("Cache-Control").isEmpty)
        #expect(try await api.get("/cached").values("Cache-Control") == ["public, max-age=60"])
        #expect(try await api.get("/private", token: "reader").values("Cache-Control") == ["no-store"])
        for target in ["/private", "/nowhere", "/problem", "/leaky"] {
            #expect(try await api.get(target).values("Cache-Control") == ["no-store"], "\(target)")
        }
        #expect(try await api.send(.post, "/public").values("Cache-Control") == ["no-store"])
        #expect(try await api.send(.put, "/public").values("Cache-Control") == ["no-store"])
    }

    /// An answer may have an opinion of its own; never are there two.
    @Test func ownHeadersWin() async throws {
        let answer = try await api().get("/own", token: "reader")
        #expect(answer.values("Content-Security-Policy") == ["sandbox"])
        #expect(answer.values("Cache-Control") == ["private, max-age=5"])
        #expect(answer.values("X-Content-Type-Options") == ["nosniff"])
        #expect(answer.values("Content-Type") == ["image/svg+xml"])
        #expect(answer.values("X-Request-Id").count == 1)
        #expect(answer.values("X-Request-Id") != ["forged"], "the request's id is not the handler's to give")
    }

    @Test func lengthsOfNothing() async throws {
        #expect(try await api().get("/empty").headers[.contentLength] == nil)
        #expect(try await api().get("/unchanged").headers[.contentLength] == nil)
    }

    // MARK: Problems, RFC 9457

    @Test func problems() async throws {
        let answer = try await api().get("/problem")
        #expect(answer.values("Content-Type") == ["application/problem+json"])
        #expect(answer.values("Retry-After") == ["3"])
        #expect(answer.values("Content-Length") == [String(answer.bytes.count)])
        #expect(
            answer.json == [
                "type": "urn:jts:problem:taken", "title": "Taken", "status": 409, "detail": "By \"somebody\"\n",
                "left": 2,
            ])
        #expect(try await api().get("/uri")["type"] == "https://x.test/p")
        #expect(
            try await api().get("/nowhere").json
                == ["type": "urn:jts:problem:not-found", "title": "No such thing", "status": 404])
    }

    @Test func hummingbirdsOwnErrors() async throws {
        let answer = try await api().get("/number/x")
        #expect(answer.status == 400)
        #expect(answer.headers[.contentType] == "application/problem+json")
        #expect(answer.json?["status"] == 400)
    }

    /// Neither the answer nor the log tells what an unexpected error says: only what kind it is of.
    @Test(arguments: ["/leaky", "/enum", "/foundation", "/hummingbird"])
    func unexpected(target: String) async throws {
        let api = api()
        let answer = try await api.get(target)
        #expect(answer.status == 500)
        #expect(
            answer.json
                == ["type": "urn:jts:problem:internal-error", "title": "Something went wrong here", "status": 500])
        #expect(!answer.headers.contains { $0.value.contains(Leaky.secret) })
        #expect(!api.log.text.contains(Leaky.secret))
        #expect(api.log.text.contains("error"))
    }

    @Test func unexpectedErrorsAreNamed() async throws {
        let api = api()
        _ = try await api.get("/leaky")
        _ = try await api.get("/enum")
        #expect(api.log.text.contains("Leaky"))
        #expect(api.log.text.contains("Store.refused"))
        #expect(api.log.text.contains("/enum"))
    }

    @Test func errorsOfStoresAreTranslated() async throws {
        let api = api()
        let answer = try await api.get("/mapped")
        #expect(answer.status == 503)
        #expect(answer.values("Retry-After") == ["4"])
        #expect(!api.log.text.contains("unexpectedly"))
    }
}
