import Foundation
import StrictJSON
import TestSupport
import Testing

/// What no HTTP client would send. Each request goes over a connection of its own; the service may refuse it or hang up,
/// and must neither take it, nor fail, nor mistake a part of it for a request of its own.
@Suite struct RawRequestTests {
    @Test func malformedRequests() async throws {
        let system = try await SharedSystem.get()
        let token = try await system.person("trader", enrol: false).signIn(system.http).access
        let long = String(repeating: "a", count: 70_000)
        let many = (0..<500).map { "X-\($0): 1\r\n" }.joined()
        let head = "Host: localhost\r\nAuthorization: Bearer \(token)\r\n"
        // A second request, hidden in what might be a body; whoever answers twice was fooled.
        let hidden = "POST /v1/logout HTTP/1.1\r\n\(head)Content-Length: 0\r\n\r\n"
        let requests: [(name: String, text: String)] = [
            ("no request", "\r\n\r\n"), ("no HTTP", "hello\r\n\r\n"), ("no version", "GET /v1/users/me\r\n\r\n"),
            ("HTTP/9.9", "GET /v1/users/me HTTP/9.9\r\n\(head)\r\n"),
            ("a blank in the name", "GET /v1/users/me HTTP/1.1\r\n\(head)X : 1\r\n\r\n"),
            ("a control in the value", "GET /v1/users/me HTTP/1.1\r\n\(head)X: \u{1}\r\n\r\n"),
            ("a long path", "GET /\(long) HTTP/1.1\r\n\(head)\r\n"),
            ("a long header", "GET /v1/users/me HTTP/1.1\r\n\(head)X: \(long)\r\n\r\n"),
            ("many headers", "GET /v1/users/me HTTP/1.1\r\n\(head)\(many)\r\n"),
            (
                "two lengths",
                "POST /v1/step-up HTTP/1.1\r\n\(head)Content-Length: 0\r\nContent-Length: 5\r\n\r\n\(hidden)"
            ),
            ("a negative length", "POST /v1/step-up HTTP/1.1\r\n\(head)Content-Length: -1\r\n\r\n\(hidden)"),
            ("no number", "POST /v1/step-up HTTP/1.1\r\n\(head)Content-Length: x\r\n\r\n\(hidden)"),
            (
                "length and chunks",
                "POST /v1/step-up HTTP/1.1\r\n\(head)Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\(hidden)"
            ),
            (
                "an unknown coding",
                "POST /v1/step-up HTTP/1.1\r\n\(head)Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n\(hidden)"
            ),
            ("a bad chunk", "POST /v1/step-up HTTP/1.1\r\n\(head)Transfer-Encoding: chunked\r\n\r\nzz\r\n\(hidden)"),
            ("two tokens", "GET /v1/users/me HTTP/1.1\r\n\(head)Authorization: Bearer \(token)\r\n\r\n"),
            ("CONNECT", "CONNECT localhost:1 HTTP/1.1\r\n\(head)\r\n"),
            ("TRACE", "TRACE /v1/users/me HTTP/1.1\r\n\(head)\r\n"),
        ]
        for service in [system.tokenServices[0], try #require(system.orderAPI)] {
            let pid = service.pid
            for (name, text) in requests {
                let answer = try await send(text, to: service)
                let statuses = answer.matches(of: /HTTP\/1\.[01] (\d{3})/).compactMap { Int($0.output.1) }
                let taken = statuses.filter { $0 < 400 || $0 >= 500 && $0 != 501 && $0 != 505 }
                #expect(taken.isEmpty, "\(service.name), \(name): \(answer.prefix(300))")
                #expect(!answer.contains(token), "\(service.name), \(name)")
            }
            let isReady = await service.isReady
            #expect(isReady)
            #expect(service.pid == pid && service.isRunning)
        }
        // None of the hidden requests was carried out: the session goes on.
        try await system.http.call("GET", "/v1/users/me", token: token).require(200)
        try await system.orders.call("GET", "/v1/orders", token: token).require(200)
        #expect(system.leaks == [])
    }

    /// Sends bytes and reads until the service hangs up or has been silent for a moment.
    private func send(_ text: String, to service: TestService) async throws -> String {
        try await python("raw_request.py", ["port": .int(Int64(service.port)), "text": .string(text)])
    }
}
