import Contracts
import HTTPTypes
import Hummingbird
import StrictJSON
import Testing

@testable import APISecurity

/// Request ids and W3C Trace Context, level 1.
@Suite struct TracingTests {
    private static let trace = "0af7651916cd43dd8448eb211c80319c"
    private static let parent = "00f067aa0ba902b7"

    private let api = TestAPI { router in
        router.get("/trace", .public) { _, context in
            context.logger.info("in the handler")
            return .json([
                "request": .string(context.requestID), "trace": .string(context.traceparent.traceID),
                "span": .string(context.traceparent.spanID), "flags": .int(Int64(context.traceparent.flags)),
                "parent": context.traceparent.parentID.map { .string($0) } ?? .null,
                "state": context.traceparent.state.map { .string($0) } ?? .null,
                "sent": .string(context.traceparent.description),
                "current": (CurrentTrace.value?.traceparent).map { .string($0) } ?? .null,
            ])
        }
    }

    private func send(_ headers: KeyValuePairs<String, String>) async throws -> TestAPI.Answer {
        try await api.send(.get, "/trace", headers: try fields(headers))
    }

    // MARK: Request ids

    @Test(arguments: ["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", "A.b_c-9", String(repeating: "x", count: 128)])
    func takenOver(id: String) async throws {
        let answer = try await send(["x-request-id": id])
        #expect(answer.values("X-Request-Id") == [id])
        #expect(answer["request"] == id)
        #expect(api.log.text.contains(id))
    }

    @Test(arguments: [
        "", " ", "a b", "a,b", "a/b", "a\"b", "é", "a:b", "<script>", String(repeating: "x", count: 129), "a\u{0}b",
    ])
    func made(id: String) async throws {
        let answer = try await send(["X-Request-Id": id])
        let made = try #require(answer.values("X-Request-Id").first)
        #expect(answer.values("X-Request-Id").count == 1)
        #expect(made.wholeMatch(of: /[0-9a-f]{32}/) != nil)
        #expect(answer["request"] == made)
    }

    @Test func repeated() async throws {
        for count in 2...3 {
            var headers = HTTPFields()
            for _ in 0..<count { headers.append(HTTPField(name: RequestID.header, value: "same")) }
            let answer = try await api.send(.get, "/trace", headers: headers)
            #expect(answer.values("X-Request-Id").first?.count == 32)
        }
    }

    @Test func madeOnesDiffer() async throws {
        var seen: Set<String> = []
        for _ in 0..<2_000 {
            let answer = try await api.send(.get, "/trace")
            seen.insert(answer["request"] ?? "")
            #expect(answer["trace"] == answer["request"], "a trace that starts here is named like its request")
        }
        #expect(seen.count == 2_000)
    }

    @Test func errorsHaveThemToo() async throws {
        let answer = try await api.send(.get, "/nowhere", headers: try fields(["X-Request-Id": "mine"]))
        #expect(answer.values("X-Request-Id") == ["mine"])
    }

    // MARK: traceparent, section 3.2

    @Test(arguments: [
        // Version, flags as sent, flags passed on: level 1 knows the first bit, and sets the others to zero.
        ("00", "00", 0), ("00", "01", 1), ("00", "ff", 1), ("00", "02", 0), ("01", "01", 1), ("fe", "03", 1),
    ])
    func continued(version: String, flags: String, known: Int) async throws {
        let answer = try await send(["traceparent": "\(version)-\(Self.trace)-\(Self.parent)-\(flags)"])
        let span = try #require(answer["span"])
        #expect(answer["trace"] == Self.trace)
        #expect(answer["parent"] == Self.parent)
        #expect(answer.json?["flags"] == .int(Int64(known)))
        #expect(span.wholeMatch(of: /[0-9a-f]{16}/) != nil)
        #expect(span != Self.parent)
        #expect(answer["sent"] == "00-\(Self.trace)-\(span)-0\(known)")
        #expect(answer["current"] == answer["sent"], "what is made in the handler belongs to the trace")
        #expect(CurrentTrace.value == nil)
        #expect(api.log.text.contains(Self.trace))
    }

    /// Later versions may go on after a dash (section 3.2.4).
    @Test func laterVersions() async throws {
        let longer = "cc-\(Self.trace)-\(Self.parent)-01-what-the-future-will-be-like"
        #expect(try await send(["traceparent": longer])["trace"] == Self.trace)
        #expect(try await send(["traceparent": "cc-\(Self.trace)-\(Self.parent)-01-"])["trace"] == Self.trace)
        #expect(try await send(["traceparent": "cc-\(Self.trace)-\(Self.parent)-01.x"])["trace"] != Self.trace)
        #expect(try await send(["traceparent": "cc-\(Self.trace)-\(Self.parent)-0"])["trace"] != Self.trace)
    }

    @Test(arguments: [
        "", "00", "garbage", "00-\(trace)-\(parent)", "00-\(trace)-\(parent)-", "00-\(trace)-\(parent)-1",
        "00-\(trace)-\(parent)-01-", "00-\(trace)-\(parent)-01-x", "00-\(trace)-\(parent)-011",
        "ff-\(trace)-\(parent)-01", "0-\(trace)-\(parent)-01", "000-\(trace)-\(parent)-01", "xx-\(trace)-\(parent)-01",
        "00-00000000000000000000000000000000-\(parent)-01", "00-\(trace)-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-\(parent)-01", "00-\(trace)-00F067AA0BA902B7-01",
        "00-\(trace)-\(parent)-0A", "00-\(trace)x-\(parent)-01", "00-\(trace.dropLast())-\(parent)-01",
        "00_\(trace)_\(parent)_01", "00-\(trace)-\(parent)-zz", "00 \(trace) \(parent) 01",
        "00-\(trace.dropLast(2))é-\(parent)-01", "-00-\(trace)-\(parent)-01", "00-\(trace)-\(parent)-01,",
    ])
    func restarted(traceparent: String) async throws {
        let answer = try await send(["traceparent": traceparent, "tracestate": "a=1"])
        #expect(answer.status == 200)
        #expect(answer["trace"]?.wholeMatch(of: /[0-9a-f]{32}/) != nil)
        #expect(answer["trace"] != Self.trace)
        #expect(answer.json?["parent"] == .null)
        #expect(answer.json?["state"] == .null)
        #expect(answer.json?["flags"] == 0)
    }

    @Test func twoParents() async throws {
        let value = "00-\(Self.trace)-\(Self.parent)-01"
        #expect(try await send(["traceparent": value, "Traceparent": value])["trace"] != Self.trace)
    }

    // MARK: tracestate, section 3.3

    private func state(_ values: [String]) async throws -> String? {
        var headers = try fields(["traceparent": "00-\(Self.trace)-\(Self.parent)-01"])
        let name = try #require(HTTPField.Name("tracestate"))
        for value in values { headers.append(HTTPField(name: name, value: value)) }
        let answer = try await api.send(.get, "/trace", headers: headers)
        // A bad state does no harm to the trace.
        #expect(answer["trace"] == Self.trace)
        return answer["state"]
    }

    @Test(arguments: [
        "foo=1", "foo=1,bar=2", "foo=1, bar=2", "foo=1 \t , \t bar=2, \t baz=3", "foo=1,", ",foo=1", "foo=1,,bar=2",
        "a=b c", "foo=!#$%&'()*+-./:;<>?@[\\]^_`{|}~", "a0_-*/=1", "fw529a3039@dt=FfffFFff", "0t@v=1",
        "\(String(repeating: "k", count: 256))=1",
        "\(String(repeating: "t", count: 241))@\(String(repeating: "v", count: 14))=1",
        "foo=\(String(repeating: "v", count: 256))", (0..<32).map { "k\($0)=1" }.joined(separator: ","),
    ])
    func passedOn(text: String) async throws { #expect(try await state([text]) == text) }

    @Test func severalHeadersAreOneList() async throws {
        #expect(try await state(["foo=1", "bar=2"]) == "foo=1,bar=2")
        #expect(try await state(["foo=1", "", "bar=2"])?.split(separator: ",") == ["foo=1", "bar=2"])
    }

    @Test(arguments: [
        "", ",", "foo", "=1", "foo=", "foo =1", "FOO=1", "1foo=1", "foo.bar=1", "foo@=1", "@foo=1", "foo@@bar=1",
        "foo@bar@baz=1", "foo@1b=1", "foo=1=2", "foo=é", "é=1", "foo=1,foo=2", "foo=1,bar",
        "\(String(repeating: "k", count: 257))=1", "\(String(repeating: "t", count: 242))@v=1",
        "t@\(String(repeating: "v", count: 15))=1", "foo=\(String(repeating: "v", count: 257))",
        (0..<33).map { "k\($0)=1" }.joined(separator: ","),
    ])
    func dropped(text: String) async throws { #expect(try await state([text]) == nil) }

    @Test func controlCharactersInAState() {
        #expect(TraceState.checked("foo=a\u{7F}b") == nil)
        #expect(TraceState.checked("foo=a\nb") == nil)
        #expect(TraceState.checked("foo=a\tb") == nil)
    }

    /// Section 3.3.1.5: too long a list loses its longest members first, and then the last ones.
    @Test func shortened() async throws {
        let long = "long=\(String(repeating: "x", count: 200))"
        let small = (0..<10).map { "k\($0)=\(String(repeating: "v", count: 40))" }
        let text = ([small[0], long] + small[1...]).joined(separator: ",")
        #expect(try await state([text]) == small.joined(separator: ","))
        let many = (0..<20).map { "k\($0)=\(String(repeating: "v", count: 40))" }
        let kept = try #require(try await state([many.joined(separator: ",")]))
        #expect(kept.utf8.count <= 512)
        #expect(kept == many.prefix(kept.split(separator: ",").count).joined(separator: ","))
        #expect(kept.utf8.count > 512 - 46)
    }
}
