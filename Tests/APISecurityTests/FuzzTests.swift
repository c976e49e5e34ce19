import HTTPTypes
import Hummingbird
import NIOCore
import StrictJSON
import Testing

@testable import APISecurity

/// Seeded random requests: refused or answered, never a 500 and never a crash.
@Suite struct FuzzTests {
    private let api = TestAPI(accessLog: .none) { router in
        router.get("/", .public) { _, context in .json(["count": .int(Int64(context.query.names.count))]) }
        router.get("/v1/things/{thing}", .public) { request, context in
            let page = try Page(context.query)
            _ = try IdempotencyKey.of(request)
            return .json(["thing": .string(context.parameters.get("thing") ?? ""), "limit": .int(Int64(page.limit))])
        }
        router.get("/v1/{kind}/things/{thing}/parts", .permission("things:read")) { _, context in
            .echo("parts", context, "kind", "thing")
        }
        router.post("/json", .public) { request, context in
            var fields = try await request.fields(context)
            _ = fields.string("name", length: 1...8, pattern: .identifier)
            let count = fields.int("count") &+ fields.nested("in") { $0.int("x") }
            _ = fields.optionalStringArray("tags", count: 0...3)
            _ = fields.optionalObjectArray("legs")
            _ = fields.double("price", in: -10...10) * 2
            try fields.finish()
            return .json(["count": .int(Int64(count))])
        }
        router.post("/form", .public) { request, context in
            .json(["count": .int(Int64(try await request.form(context).names.count))])
        }
    }

    private func check(_ answer: TestAPI.Answer, _ what: String) {
        #expect((200..<500).contains(answer.status), "\(what): \(answer.status)")
        #expect(answer.values("X-Request-Id").count == 1, "\(what)")
        #expect(answer.values("X-Content-Type-Options") == ["nosniff"], "\(what)")
        if answer.status >= 400 {
            #expect(answer.headers[.contentType] == "application/problem+json", "\(what)")
            #expect(answer.json?["status"] == .int(Int64(answer.status)), "\(what)")
        }
    }

    @Test func targets() async throws {
        var random = Seeded(state: 0x7461_7267)
        let words = [
            "/", "v1", "things", "parts", "%2f", "%2e", "..", ".", "%", "%c3%a9", "?", "limit=", "cursor=", "e30", "&",
            "=",
            "#", "http://", "*", "\\", "é", "\u{301}", "a",
        ]
        var statuses: Set<Int> = []
        for _ in 0..<6_000 {
            var target = Bool.random(using: &random) ? "/" : ""
            for _ in 0..<Int.random(in: 0..<12, using: &random) {
                target += words.randomElement(using: &random) ?? ""
                if Int.random(in: 0..<6, using: &random) == 0 { target += Self.text(4, &random) }
            }
            let answer = try await api.send(.get, target)
            statuses.insert(answer.status)
            check(answer, target)
        }
        #expect(statuses.isSuperset(of: [200, 400, 404]))
    }

    @Test func headers() async throws {
        var random = Seeded(state: 0x6865_6164)
        let names = [
            "authorization", "traceparent", "tracestate", "x-request-id", "x-forwarded-for", "content-type",
            "content-length", "content-encoding", "idempotency-key", "accept", "dpop", "x-other",
        ]
        for _ in 0..<1_500 {
            var headers = HTTPFields()
            for _ in 0..<Int.random(in: 0..<8, using: &random) {
                let name = try #require(HTTPField.Name(names.randomElement(using: &random) ?? "x"))
                let bytes = Self.bytes(60, &random)
                let prefix = ["", "Bearer ", "DPoP ", "00-", "application/json;"].randomElement(using: &random) ?? ""
                headers.append(HTTPField(name: name, lenientValue: Array(prefix.utf8) + bytes))
            }
            for (method, target) in [
                (HTTPRequest.Method.get, "/v1/things/x"), (.get, "/v1/a/things/b/parts"), (.post, "/json"),
            ] {
                check(try await api.send(method, target, headers: headers), "\(headers)")
            }
        }
    }

    @Test func bodies() async throws {
        var random = Seeded(state: 0x626F_6479)
        let whole = Array(#"{"name":"ab","count":1,"in":{"x":2},"tags":["a"],"legs":[{}],"price":1.5}"#.utf8)
        #expect(try await api.post("/json", whole).status == 200)
        var taken = 0
        for _ in 0..<6_000 {
            var body = whole
            if Int.random(in: 0..<4, using: &random) == 0 { body = Self.bytes(80, &random) }
            for _ in 0..<Int.random(in: 0..<3, using: &random) {
                let place = Int.random(in: 0...body.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0:
                    body.insert(contentsOf: Array("\"\\{}[]:,-9e".utf8.shuffled(using: &random).prefix(2)), at: place)
                case 1 where place < body.count: body.remove(at: place)
                case 2 where place < body.count: body[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                default: body.replaceSubrange(place..., with: body[..<min(place, 9)])
                }
            }
            let json = try await api.post("/json", body)
            if json.status == 200 { taken += 1 }
            check(json, "\(body)")
            check(try await api.post("/form", body, type: "application/x-www-form-urlencoded"), "\(body)")
        }
        #expect(taken > 100)
    }

    private static func bytes(_ most: Int, _ random: inout Seeded) -> [UInt8] {
        let isText = Bool.random(using: &random)
        return (0..<Int.random(in: 0...most, using: &random)).map { _ in
            UInt8.random(in: isText ? 0x20...0x7E : 0...255, using: &random)
        }
    }

    private static func text(_ most: Int, _ random: inout Seeded) -> String {
        String(decoding: bytes(most, &random), as: UTF8.self)
    }
}

/// SplitMix64 of Steele, Lea and Flood, so that a failure can be repeated.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
