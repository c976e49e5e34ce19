import Contracts
import HTTPTypes
import Hummingbird
import Logging
import StrictJSON
import Synchronization
import TestSupport
import Testing

@testable import APISecurity

/// What is put on record of requests that are refused.
@Suite struct RefusalTests {
    private let sink = KeptEvents()

    private func reporter(capacity: Int = 100, interval: Duration = .milliseconds(5)) -> AccessRefusals {
        RefusalReporter(
            kind: .accessRefused, sink: sink, capacity: capacity, interval: interval, clock: { TestAPI.now },
            logger: Logger(label: "test"), event: { $0.event })
    }

    private func api(_ refusals: AccessRefusals) -> TestAPI {
        var known = KnownTokens()
        known.identities["stale"] = Identity(
            subject: "stale", sessionID: "ses_1", permissions: ["things:change"], authTime: 0, amr: ["otp"])
        known.identities["bound"] = Identity(subject: "bound", confirmation: .certificate("other"))
        return TestAPI(authenticator: known, refusals: refusals) { router in
            router.get("/v1/things/{thing}", .permission("things:read")) { _, _ in .json(["ok": true]) }
            router.post("/v1/things", .privileged("things:change")) { _, _ in .json(["ok": true]) }
            router.get("/v1/own", .authenticated) { _, _ in throw Problem.forbidden("own-recovery") }
            router.post("/login", .public) { _, _ in throw NamedError() }
            router.post("/plain", .public) { _, _ in Response(status: .unauthorized) }
            router.get("/missing", .public) { _, _ in throw Problem.notFound() }
        }
    }

    private struct NamedError: NamedRefusal, HTTPResponseError {
        var refusalReason: String { "invalid_client" }
        var status: HTTPResponse.Status { .unauthorized }
        func response(from request: Request, context: some RequestContext) throws -> Response {
            Response(status: status)
        }
    }

    @Test func whoWasRefusedWhatAndWhy() async throws {
        let refusals = reporter()
        let api = api(refusals)
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        _ = try await api.send(
            .get, "/v1/things/7?secret=1",
            headers: try fields([
                "Authorization": "Bearer nobody", "X-Request-Id": "r-1", "traceparent": trace, "tracestate": "a=1",
            ]), from: "192.0.2.7")
        await refusals.flush()
        let event = try #require(sink.events.first)
        #expect(sink.events.count == 1)
        #expect(event.eventType == "org.jts.security.access-refused")
        #expect(
            event.json() == [
                "outcome": "refused", "at_ms": .int(TestAPI.now), "subject": "nobody", "reason": "permission_denied",
                "request_id": "r-1",
                "fields": [
                    "method": "GET", "route": "/v1/things/{thing}", "permission": "things:read", "refusals": 1,
                ], "personal": ["address": "192.0.2.7"],
            ])
        #expect(event.trace?.traceparent.hasPrefix("00-0af7651916cd43dd8448eb211c80319c-") == true)
        #expect(event.trace?.tracestate == "a=1")
    }

    @Test(arguments: [
        ("GET", "/v1/things/7", nil, nil, "authentication_required"),
        ("GET", "/v1/things/7", "expired", nil, "invalid_token"),
        ("GET", "/v1/things/7", "bad-proof", nil, "invalid_dpop_proof"),
        ("HEAD", "/v1/things/7", "nobody", "nobody", "permission_denied"),
        ("POST", "/v1/things", "stale", "stale", "step_up_required"),
        ("GET", "/v1/own", "bound", "bound", "invalid_token"),
        ("GET", "/v1/own", "reader", "reader", "own_recovery"),
        ("POST", "/login", nil, nil, "invalid_client"), ("POST", "/plain", nil, nil, "unauthorized"),
    ])
    func everyWayOfBeingRefused(
        _ method: String, _ path: String, _ token: String?, _ subject: String?, _ reason: String
    ) async throws {
        let refusals = reporter()
        let headers: HTTPFields = token.map { [.authorization: "Bearer \($0)"] } ?? [:]
        let verb = try #require(HTTPRequest.Method(method))
        let answer = try await api(refusals).send(verb, path, headers: headers)
        #expect(answer.status == 401 || answer.status == 403)
        await refusals.flush()
        #expect(sink.events.map(\.reason) == [reason])
        #expect(sink.events.map(\.subject) == [subject])
    }

    @Test func whatIsNoRefusalIsNotOnRecord() async throws {
        let refusals = reporter()
        let api = api(refusals)
        #expect(try await api.get("/v1/things/7", token: "reader").status == 200)
        #expect(try await api.get("/v1/none", token: "reader").status == 404)
        #expect(try await api.get("/missing").status == 404)
        #expect(try await api.send(.delete, "/missing").status == 405)
        #expect(try await api.get("/v1/things/7", token: "bad-moment").status == 503)
        #expect(try await api.get("/v1/things/7", token: "é").status == 400)
        await refusals.flush()
        #expect(sink.events.isEmpty)
    }

    /// A flood from one network is one kind, however many addresses, things and ids it makes up.
    @Test func aFloodIsCounted() async throws {
        let refusals = reporter()
        let api = api(refusals)
        for number in 0..<300 {
            _ = try await api.send(
                .get, "/v1/things/\(number)?q=\(number)", headers: try fields(["X-Request-Id": "made-up-\(number)"]),
                from: "2001:db8:1:2::\(String(number, radix: 16))")
        }
        await refusals.flush()
        #expect(sink.events.count == 2)
        #expect(sink.refusals == 300)
        #expect(sink.events.allSatisfy { $0.subject == nil && $0.reason == "authentication_required" })
    }

    @Test func beyondTheCapacityTheRecordSaysSo() async throws {
        let refusals = reporter(capacity: 10)
        let api = api(refusals)
        for number in 0..<60 { _ = try await api.send(.get, "/v1/own", from: "192.0.2.\(number)") }
        await refusals.flush()
        #expect(sink.events.count == 11)
        let overflow = try #require(sink.events.last)
        #expect(
            overflow.json() == [
                "outcome": "refused", "at_ms": .int(TestAPI.now), "reason": "overflow",
                "fields": ["refusals": 50, "last_at_ms": .int(TestAPI.now)],
            ])
        #expect(sink.refusals == 60)
    }

    /// While the sink fails nothing is lost, and what it took is not told twice.
    @Test func aSinkThatFailsIsTriedAgain() async throws {
        let time = Mutex(TestAPI.now)
        let refusals = AccessRefusals(
            kind: .accessRefused, sink: sink, interval: .milliseconds(5), clock: { time.withLock { $0 } },
            logger: Logger(label: "test"), event: { $0.event })
        let api = api(refusals)
        sink.fail(true)
        let running = Task { try await refusals.run() }
        for number in 0..<500 { _ = try await api.send(.get, "/v1/own", from: "10.0.\(number / 250).\(number % 250)") }
        try await eventually("the sink is asked") { sink.attempts > 0 }
        #expect(sink.events.isEmpty)
        sink.fail(false)
        try await eventually("everything is told") {
            time.withLock { $0 += 1_000 }
            return sink.refusals >= 500
        }
        running.cancel()
        _ = try? await running.value
        #expect(sink.refusals == 500)
        #expect(sink.largest <= RefusalBatches.size)
    }

    /// What was counted when the service stops is told before it has stopped.
    @Test func stoppingTellsWhatIsLeft() async throws {
        let refusals = reporter(interval: .seconds(3_600))
        let api = api(refusals)
        let running = Task { try await refusals.run() }
        for _ in 0..<20 { _ = try await api.get("/v1/own") }
        running.cancel()
        try await running.value
        #expect(sink.refusals == 20)
    }

    /// Many at once: each is counted.
    @Test func countingAtOnceLosesNothing() async throws {
        let refusals = reporter()
        let running = Task { try await refusals.run() }
        let api = api(refusals)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for number in 0..<200 {
                        _ = try await api.send(.get, "/v1/own", from: "10.1.\(task).\(number % 5)")
                    }
                }
            }
            try await group.waitForAll()
        }
        running.cancel()
        try await running.value
        #expect(sink.refusals == 1_600)
    }
}

/// Keeps events, or fails.
final class KeptEvents: RefusalSink {
    struct Away: Error {}
    private struct State {
        var events: [SecurityEvent] = []
        var attempts = 0
        var largest = 0
        var fails = false
    }
    private let state = Mutex(State())

    var events: [SecurityEvent] { state.withLock { $0.events } }
    var attempts: Int { state.withLock { $0.attempts } }
    var largest: Int { state.withLock { $0.largest } }
    var refusals: Int64 { events.reduce(0) { $0 + ($1.fields["refusals"]?.int ?? 0) } }
    func fail(_ fails: Bool) { state.withLock { $0.fails = fails } }

    func record(_ events: [SecurityEvent]) async throws {
        try state.withLock { state in
            state.attempts += 1
            state.largest = max(state.largest, events.count)
            if state.fails { throw Away() }
            state.events += events
        }
    }
}
