import Hummingbird
import NIOCore
import StrictJSON
import Testing

@testable import APISecurity

/// Bodies that are no JSON, or not the JSON that is asked for.
@Suite struct JSONBodyTests {
    private let api = TestAPI { router in
        router.post("/json", .public) { request, context in .json(["got": try await request.json(context)]) }
        router.post("/small", .public, options: RouteOptions(bodyLimit: 16)) { request, context in
            .json(["got": try await request.json(context)])
        }
        router.post("/raw", .public, options: RouteOptions(bodyLimit: 4)) { request, context in
            .json(["size": .int(Int64(try await request.body(context).readableBytes))])
        }
    }

    @Test(arguments: [
        "application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8",
        "application/json ; charset=\"utf-8\"", "application/json;",
    ])
    func mediaTypesThatAreTaken(type: String) async throws {
        #expect(try await api.post("/json", "{}", type: type).status == 200)
    }

    @Test(arguments: [
        nil, "", "text/plain", "text/json", "application/jsonp", "application/json, text/plain", "application/x-json",
        "application/json; charset=utf-16", "application/json; charset=iso-8859-1", "application/json; x=y",
        "application/problem+json", "application/x-www-form-urlencoded", "application/ json", "*/*",
    ])
    func mediaTypesThatAreNot(type: String?) async throws {
        let answer = try await api.post("/json", "{}", type: type)
        #expect(answer.status == 415)
        #expect(answer.problem == "unsupported-media-type")
        #expect(answer.values("Accept") == ["application/json"])
    }

    @Test func mediaTypeTwice() async throws {
        let headers = try fields(["Content-Type": "application/json", "content-type": "application/json"])
        #expect(try await api.send(.post, "/json", headers: headers, body: pieces([[0x31]])).status == 415)
    }

    @Test(arguments: ["gzip", "br", "deflate", "GZIP", "identity, gzip", "nonsense", ""])
    func compressedBodies(encoding: String) async throws {
        let answer = try await api.post("/json", "{}", headers: [.contentEncoding: encoding])
        #expect(answer.status == 415)
        #expect(answer.problem == "unsupported-content-encoding")
        #expect(answer.values("Accept-Encoding") == ["identity"])
    }

    @Test func uncompressedBodies() async throws {
        #expect(try await api.post("/json", "{}", headers: [.contentEncoding: "Identity"]).status == 200)
    }

    /// Refused by what is announced, before a byte is read.
    @Test func announcedTooLarge() async throws {
        let never = RequestBody(asyncSequence: AsyncStream<ByteBuffer> { _ in })
        let headers = try fields(["Content-Type": "application/json", "Content-Length": "17"])
        let answer = try await api.send(.post, "/small", headers: headers, body: never)
        #expect(answer.status == 413)
        #expect(answer.problem == "body-too-large")
    }

    /// Refused at the first byte too many, without waiting for the rest.
    @Test func streamedTooLarge() async throws {
        let endless = RequestBody(asyncSequence: AsyncStream { ByteBuffer(bytes: [UInt8](repeating: 0x20, count: 5)) })
        let headers = try fields(["Content-Type": "application/json"])
        let answer = try await api.send(.post, "/small", headers: headers, body: endless)
        #expect(answer.status == 413)
    }

    @Test func upToTheLimit() async throws {
        #expect(try await api.post("/small", "\"12345678901234\"").status == 200)
        #expect(try await api.post("/small", "\"123456789012345\"").status == 413)
        #expect(try await api.post("/raw", "1234", type: nil).status == 200)
        #expect(try await api.post("/raw", "12345", type: nil).status == 413)
        #expect(try await api.post("/json", [UInt8](repeating: 0x20, count: 1 << 20) + [0x31]).status == 413)
        #expect(try await api.post("/json", [UInt8](repeating: 0x20, count: 1 << 20 - 1) + [0x31]).status == 200)
    }

    @Test func inPieces() async throws {
        let text = Array("{\"a\":[1,\"é\"]}".utf8)
        let headers = try fields(["Content-Type": "application/json"])
        let answer = try await api.send(.post, "/json", headers: headers, body: pieces(text.map { [$0] }))
        #expect(answer.json == ["got": ["a": [1, "é"]]])
    }

    @Test func cutShort() async throws {
        let headers = try fields(["Content-Type": "application/json", "Content-Length": "9"])
        let answer = try await api.send(.post, "/json", headers: headers, body: pieces([Array("{}".utf8)]))
        #expect(answer.status == 400)
        #expect(answer.problem == "incomplete-body")
    }

    @Test func connectionLost() async throws {
        struct Gone: Error {}
        let broken = RequestBody(
            asyncSequence: AsyncThrowingStream { continuation in
                continuation.yield(ByteBuffer(string: "{"))
                continuation.finish(throwing: Gone())
            })
        let answer = try await api.send(.post, "/json", headers: [.contentType: "application/json"], body: broken)
        #expect(answer.status == 400)
        #expect(answer.problem == "unreadable-body")
    }

    /// A server's own limit is told from a connection that broke.
    @Test func serverLimit() async throws {
        let cut = RequestBody(
            asyncSequence: AsyncThrowingStream<ByteBuffer, any Error> {
                $0.finish(throwing: NIOTooManyBytesError(maxBytes: 1))
            })
        let answer = try await api.send(.post, "/json", headers: [.contentType: "application/json"], body: cut)
        #expect(answer.status == 413)
    }

    @Test(arguments: [
        ("", "unexpected end"), (" ", "unexpected end"), ("{}{}", "something follows"), ("{} x", "something follows"),
        (#"{"a":1,"a":2}"#, "duplicate key"), (#"{"a":1,"\u0061":2}"#, "duplicate key"),
        (#""\ud800""#, "lone surrogate"),
        (#""\udc00\ud800""#, "lone surrogate"), (#"{"a":}"#, "unexpected character"), (#"{"a":1,}"#, "unexpected"),
        ("'a'", "unexpected character"), ("NaN", "unexpected character"), ("01", "invalid number"),
        ("1e400", "number out of range"), (#""\u0000""#, "NUL"), ("\"\u{1}\"", "control character"),
        ("\u{FEFF}{}", "byte order mark"), (#""\x""#, "invalid escape"), ("// c\n{}", "unexpected character"),
    ])
    func refused(body: String, reason: String) async throws {
        let answer = try await api.post("/json", body)
        #expect(answer.status == 400)
        #expect(answer.problem == "invalid-json")
        #expect(answer["detail"]?.contains(reason) == true, "\(answer.text)")
    }

    @Test(
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
            [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22],
            [0x22, 0xC3, 0x22], [0x22, 0xE2, 0x82], [0x7B, 0x22, 0x80, 0x22, 0x3A, 0x31, 0x7D],
        ] as [[UInt8]])
    func badUTF8(body: [UInt8]) async throws {
        let answer = try await api.post("/json", body)
        #expect(answer.status == 400)
        #expect(answer["detail"]?.contains("invalid UTF-8") == true)
    }

    @Test func depth() async throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(try await api.post("/json", nested(32)).status == 200)
        let deep = try await api.post("/json", nested(33))
        #expect(deep.status == 400)
        #expect(deep["detail"]?.contains("nested too deeply") == true)
        #expect(try await api.post("/json", String(repeating: "[", count: 1 << 20)).status == 400)
        #expect(try await api.post("/json", String(repeating: #"{"a":"#, count: 100_000)).status == 400)
    }

    @Test func manyMembers() async throws {
        let many = "[" + Array(repeating: "0", count: 10_001).joined(separator: ",") + "]"
        let answer = try await api.post("/json", many)
        #expect(answer.status == 400)
        #expect(answer["detail"]?.contains("too many members") == true)
    }
}
