import HTTPTypes
import Hummingbird
import JOSE
import StrictJSON
import Testing

@testable import APISecurity

@Suite struct FormTests {
    private static let type = "application/x-www-form-urlencoded"
    private let api = TestAPI { router in
        router.post("/form", .public) { request, context in
            let form = try await request.form(context)
            var object = JSONObject()
            for name in form.names where name != "ignored" { object[name] = form[name].map { .string($0) } }
            return .json(.object(object))
        }
    }

    @Test(
        arguments: [
            ("", [:]), ("a=1&b=2", ["a": "1", "b": "2"]), ("a=%C3%A9+x%2B", ["a": "é x+"]), ("a=b=c", ["a": "b=c"]),
            // RFC 6749 section 3.2: without a value it is left out; unknown ones are the reader's to ignore.
            ("a=&b=2", ["b": "2"]), ("a&b=2", ["b": "2"]), ("&&a=1&", ["a": "1"]), ("ignored=x&a=1", ["a": "1"]),
            ("%61=1", ["a": "1"]),
        ] as [(String, [String: String])])
    func taken(body: String, expected: [String: String]) async throws {
        let answer = try await api.post("/form", body, type: Self.type)
        #expect(answer.status == 200)
        let members = answer.json?.object?.members.map { ($0.key, $0.value.string ?? "") } ?? []
        #expect(Dictionary(uniqueKeysWithValues: members) == expected)
    }

    @Test(arguments: [
        "a=1&a=2", "a=1&%61=2", "a=&a=", "a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "a=%0a", "=1", "=", "a=\u{1}",
        "a=1\n",
        "a=%ed%a0%80",
    ])
    func refused(body: String) async throws {
        let answer = try await api.post("/form", body, type: Self.type)
        #expect(answer.status == 400, "\(body)")
        #expect(answer.problem == "invalid-form")
    }

    @Test func rawBytesBeyondUTF8() async throws {
        #expect(try await api.post("/form", [0x61, 0x3D, 0xFF], type: Self.type).status == 400)
    }

    @Test func counts() async throws {
        func form(_ count: Int) -> String { (0..<count).map { "p\($0)=1" }.joined(separator: "&") }
        #expect(try await api.post("/form", form(64), type: Self.type).status == 200)
        #expect(try await api.post("/form", form(65), type: Self.type).status == 400)
        #expect(try await api.post("/form", form(90_000), type: Self.type).status == 400)
        #expect(try await api.post("/form", String(repeating: "&", count: 1 << 20), type: Self.type).status == 200)
    }

    @Test func mediaTypes() async throws {
        #expect(try await api.post("/form", "a=1", type: "application/json").status == 415)
        #expect(try await api.post("/form", "a=1", type: "multipart/form-data; boundary=x").status == 415)
        #expect(try await api.post("/form", "a=1", type: nil).status == 415)
        #expect(try await api.post("/form", "a=1", type: Self.type + "; charset=UTF-8").status == 200)
    }
}

@Suite struct QueryTests {
    private let api = TestAPI { router in
        router.get("/query", .public) { _, context in
            try context.query.allow("a", "b", "limit", "cursor")
            let page = try Page(context.query)
            return .json([
                "a": context.query["a"].map { .string($0) } ?? .null, "limit": .int(Int64(page.limit)),
                "cursor": page.cursor ?? .null,
            ])
        }
        router.post("/write", .public) { request, _ in
            .json(["key": try IdempotencyKey.of(request).map { .string($0.value) } ?? .null])
        }
    }

    @Test(arguments: [("a=1", "1"), ("a=", ""), ("a", ""), ("a=x+y%20z", "x y z"), ("b=1&a=%2B", "+"), ("&a=1&&", "1")])
    func taken(query: String, a: String) async throws {
        #expect(try await api.get("/query?\(query)")["a"] == a)
    }

    @Test(arguments: [
        "a=1&a=2", "a=1&%61=1", "a=%", "a=%4x", "a=%00", "a=%ff", "=1", "c=1", "A=1", "a=1&b=2&c=3",
    ])
    func refused(query: String) async throws {
        let answer = try await api.get("/query?\(query)")
        #expect(answer.status == 400, "\(query)")
        #expect(answer.problem == "bad-query")
    }

    @Test func tooMany() async throws {
        let query = (0..<65).map { "p\($0)" }.joined(separator: "&")
        #expect(try await api.get("/query?\(query)").status == 400)
    }

    // MARK: Lists

    @Test func pages() async throws {
        #expect(try await api.get("/query").json?["limit"] == 50)
        #expect(try await api.get("/query?limit=200").json?["limit"] == 200)
        let place: JSONValue = ["after": "user-7", "at": 12]
        let answer = try await api.get("/query?limit=1&cursor=\(Page.cursor(place))")
        #expect(answer.json?["cursor"] == place)
    }

    @Test(arguments: ["", "0", "201", "-1", "+5", "1.0", "1e2", "x", "%201", "99999999999999999999", "٣"])
    func badLimits(limit: String) async throws {
        let escaped = limit.utf8.map { $0 < 0x80 ? String(decoding: [$0], as: UTF8.self) : "%" + String($0, radix: 16) }
        let answer = try await api.get("/query?limit=\(escaped.joined().replacing("+", with: "%2B"))")
        #expect(answer.status == 400)
        #expect(answer.problem == "bad-limit")
    }

    /// A cursor is opaque, and checked like anything else from outside.
    @Test(arguments: [
        "", "x", "!!!!", "e30=", "e3", "bm90IGpzb24", "W1tbW1tdXV1dXQ", "eyJhIjoxLCJhIjoyfQ", "_w",
        Base64URL.encode(Array(#""\#(String(repeating: "x", count: 1_024))""#.utf8)),
    ])
    func forgedCursors(cursor: String) async throws {
        let answer = try await api.get("/query?cursor=\(cursor)")
        #expect(answer.status == 400)
        #expect(answer.problem == "bad-cursor")
    }

    // MARK: Writes that may be repeated

    @Test(arguments: [
        ("abc", "abc"), ("\"abc\"", "abc"),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
    ])
    func idempotencyKeys(header: String, key: String) async throws {
        let answer = try await api.send(.post, "/write", headers: try fields(["idempotency-key": header]))
        #expect(answer["key"] == key)
    }

    @Test func noIdempotencyKey() async throws {
        #expect(try await api.send(.post, "/write").json == ["key": .null])
    }

    @Test(arguments: ["", "\"\"", "a b", "a\"b", "\"a", "é", String(repeating: "k", count: 129)])
    func badIdempotencyKeys(header: String) async throws {
        let answer = try await api.send(.post, "/write", headers: try fields(["Idempotency-Key": header]))
        #expect(answer.status == 400)
        #expect(answer.problem == "bad-idempotency-key")
    }

    @Test func idempotencyKeyTwice() async throws {
        let twice = try fields(["Idempotency-Key": "a", "idempotency-key": "a"])
        #expect(try await api.send(.post, "/write", headers: twice).status == 400)
    }
}
