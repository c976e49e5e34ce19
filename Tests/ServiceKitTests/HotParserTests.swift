import NIOCore
import NIOEmbedded
import Testing

@testable import ServiceKit

@Suite struct HotParserTests {
    private static let line = "POST /hot HTTP/1.1\r\n"
    private static let host = "Host: a.example:7001\r\n"

    private func parser(_ adjust: (inout HTTPServerSettings) -> Void = { _ in }) -> HotParser {
        var settings = HTTPServerSettings(listen: .init(host: "127.0.0.1", port: 0))
        adjust(&settings)
        var routes = HotRoutes()
        routes.append(method: "GET", path: "/check", bodyLimit: 0)
        routes.append(method: "POST", path: "/hot", bodyLimit: 1_000)
        return HotParser(
            routes: routes, maximumBytes: settings.maximumHeaderBytes, maximumCount: settings.maximumHeaderCount)
    }

    /// In short: `-` for the ordinary path, `?n` for one that will have n bytes, else route and length.
    private func read(_ text: String, _ parser: HotParser? = nil) -> String {
        switch (parser ?? self.parser()).read(ByteBuffer(string: text)) {
        case .ordinary: "-"
        case .incomplete(let length): "?\(length)"
        case .request(let route, _, _, let length): "\(route) \(length)"
        }
    }

    @Test func aWholeRequestIsFoundByItsLineAndLength() {
        let request = HotParserTests.line + HotParserTests.host + "Content-Length: 3\r\n\r\nabc"
        #expect(read(request) == "1 \(request.utf8.count)")
        #expect(read(request + "POST /next") == "1 \(request.utf8.count)")
        #expect(read(String(request.dropLast())) == "?\(request.utf8.count)")
        let check = "GET /check HTTP/1.1\r\nhost:x\r\n\r\n"
        #expect(read(check) == "0 \(check.utf8.count)")
    }

    @Test func everyUnfinishedHeadIsLeftToTheOrdinaryPath() {
        let head = HotParserTests.line + HotParserTests.host + "Content-Length: 3\r\n\r\n"
        for count in 0..<head.utf8.count {
            #expect(read(String(decoding: Array(head.utf8.prefix(count)), as: UTF8.self)) == "-", "\(count) bytes")
        }
    }

    @Test(arguments: [
        "X-Anything: goes, as long as it is plain ~!\r\n", "Connection: Keep-Alive\r\n", "authorization:Basic abc=\r\n",
        "X-Spaces:    around   \r\n", "X-Empty:\r\n", "Accept: a\r\nAccept: b\r\n", "Proxy-Connectio: x\r\n",
    ])
    func plainFieldsAreTaken(_ fields: String) {
        let request = HotParserTests.line + HotParserTests.host + fields + "\r\n"
        #expect(read(request) == "1 \(request.utf8.count)")
    }

    @Test(arguments: [
        "Transfer-Encoding: chunked\r\n", "transfer-encoding: identity\r\n", "Expect: 100-continue\r\n",
        "Connection: close\r\n", "Connection: keep-alive, upgrade\r\n",
        "Connection: keep-alive\r\nConnection: close\r\n",
        "Upgrade: websocket\r\n", "TE: trailers\r\n", "Trailer: x\r\n", "Content-Encoding: gzip\r\n", "DPoP: proof\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: +1\r\n", "Content-Length: 1, 1\r\n",
        "Content-Length: 0x1\r\n", "Content-Length:\r\n", "Content-Length: 99999999999999999999\r\n",
        "Content-Length: 1001\r\n", "Host: b\r\n", "Authorization: Bearer a\r\nauthorization: Bearer b\r\n",
        "Content-Type: a/b\r\nContent-Type: a/b\r\n", "X-Request-Id: a\r\nX-Request-Id: b\r\n",
        "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n",
        "tracestate: a=1\r\nTracestate: b=2\r\n", "Proxy-Connection: keep-alive\r\n",
        " Folded: line\r\n", "X-A: b\r\n c\r\n", "X-A : b\r\n", ": b\r\n", "X-A\r\n", "X(A): b\r\n", "X-\u{E9}: b\r\n",
        "X-A: \u{E9}\r\n", "X-A: b\tc\r\n", "X-A: \u{0}\r\n", "X-A: \u{7F}\r\n", "X-A: b\n", "X-A: b\rX: c\r\n",
        "X-A: b\r\r\n",
    ])
    func whateverIsUnusualIsLeftToTheOrdinaryPath(_ fields: String) {
        #expect(read(HotParserTests.line + HotParserTests.host + fields + "\r\nx") == "-")
    }

    @Test(arguments: [
        "POST /hot HTTP/1.0\r\n", "POST /hot HTTP/1.1\n", "POST  /hot HTTP/1.1\r\n", "POST /hot?a=b HTTP/1.1\r\n",
        "POST /hot/ HTTP/1.1\r\n", "POST /Hot HTTP/1.1\r\n", "post /hot HTTP/1.1\r\n", "GET /hot HTTP/1.1\r\n",
        "POST http://a/hot HTTP/1.1\r\n", "\r\nPOST /hot HTTP/1.1\r\n", "POST /%68ot HTTP/1.1\r\n",
    ])
    func otherLinesAreLeftToTheOrdinaryPath(_ line: String) {
        #expect(read(line + HotParserTests.host + "\r\n") == "-")
    }

    @Test(arguments: ["", "Host:\r\n", "Host: a b\r\n", "Host: a/b\r\n", "Host: a@b\r\n", "Host: a,b\r\n"])
    func aHostThatIsMissingOrOddIsLeftToTheOrdinaryPath(_ host: String) {
        #expect(read(HotParserTests.line + host + "\r\n") == "-")
    }

    @Test func aHeadBeyondTheServersLimitsIsLeftToTheOrdinaryPath() {
        let field = "X-A: 0123456789\r\n"
        let request = HotParserTests.line + HotParserTests.host + field + field + "\r\n"
        #expect(read(request) != "-")
        #expect(read(request, parser { $0.maximumHeaderCount = 2 }) == "-")
        #expect(read(request, parser { $0.maximumHeaderBytes = request.utf8.count - 1 }) == "-")
        #expect(read(request, parser { $0.maximumHeaderBytes = request.utf8.count }) != "-")
    }

    @Test func fieldsAreFoundWithoutRegardToCaseAndOnlyWhenThereIsOne() throws {
        let text =
            HotParserTests.line + HotParserTests.host + "X-One:  first \r\nX-TWO: a\r\nx-two: b\r\nX-None:\r\n\r\n"
        let buffer = ByteBuffer(string: text)
        guard case .request(_, let fields, _, _) = parser().read(buffer) else {
            Issue.record("not a hot request")
            return
        }
        let request = HotRequest(
            bytes: buffer, fields: fields, body: ByteBuffer(), channel: EmbeddedChannel(),
            logger: quietLogger)
        #expect(request.header("x-one") == "first")
        #expect(request.header("x-two") == nil)
        #expect(request.header("x-none") == "")
        #expect(request.header("x-thre") == nil)
        #expect(request.header("host") == "a.example:7001")
    }
}
