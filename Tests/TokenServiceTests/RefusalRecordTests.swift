import APISecurity
import Contracts
import Database
import EventBus
import HTTPTypes
import Logging
import Redis
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

/// Refused requests on record, and the trace of requests in the events that they cause, over a real Redis and SQLite.
@Suite(.serialized) struct RefusalRecordTests {
    private static let trace = "0af7651916cd43dd8448eb211c80319c"
    private static let headers: HTTPFields = [
        HTTPField.Name("traceparent")!: "00-\(trace)-b7ad6b7169203331-01",
        HTTPField.Name("tracestate")!: "vendor=abc",
    ]

    private func api(_ body: (PeopleHTTP, AccessRefusals) async throws -> Void) async throws {
        let server = try await RedisServer()
        let world = try await PeopleWorld(server)
        let refusals = AccessRefusals(
            sink: RefusalRecord(redis: world.redis, outbox: world.redisOutbox, nudge: {}), clock: { world.now },
            logger: Logger(label: "test"))
        do {
            try await body(PeopleHTTP(world, refusals: refusals), refusals)
            await world.shutdown()
        } catch {
            await world.shutdown()
            throw error
        }
        await server.stop()
    }

    /// What stands in the streams of Redis, by its kind.
    private func inRedis(_ world: PeopleWorld, _ kind: SecurityEvent.Kind) async throws -> [OutboxEvent] {
        var events: [OutboxEvent] = []
        for tag in 0..<world.redisOutbox.tags {
            let key = world.redisOutbox.key(tag: tag)
            for entry in try await world.redis.send(["XRANGE", .string(key), "-", "+"], key: key).array ?? [] {
                guard let text = entry.array?.last?.array?.last?.string else { continue }
                events.append(try #require(OutboxEvent(encoded: text.utf8)))
            }
        }
        return events.filter { $0.type == "org.jts.security.\(kind.rawValue)" }
    }

    @Test func refusedRequestsAreOnRecord() async throws {
        try await api { api, refusals in
            for _ in 0..<50 { #expect(try await api.send(.get, "/v1/users", headers: Self.headers).status == 401) }
            let user = try await api.world.user("maria")
            let trader = try await api.token(of: user)
            #expect(try await api.send(.get, "/v1/users", token: trader, headers: Self.headers).status == 403)
            await refusals.flush()
            let events = try await inRedis(api.world, .accessRefused)
            #expect(events.count == 3)
            let unknown = events.filter { $0.subject == nil }
            #expect(unknown.compactMap { $0.data["fields"]?["refusals"]?.int }.sorted() == [1, 49])
            #expect(unknown.allSatisfy { $0.data["reason"] == "authentication_required" })
            let refused = try #require(events.first { $0.subject == user.id })
            #expect(refused.data["reason"] == "permission_denied")
            #expect(refused.data["fields"]?["route"] == "/v1/users")
            #expect(events.allSatisfy { $0.traceparent?.contains(Self.trace) == true && $0.tracestate == "vendor=abc" })
            #expect(events.allSatisfy { $0.topic == Topic.securityEvents.rawValue })
        }
    }

    /// A Redis that is away costs no refusal.
    @Test func refusalsWaitForRedis() async throws {
        try await api { api, refusals in
            for _ in 0..<3 { _ = try await api.send(.get, "/v1/users") }
            await api.world.server.stop()
            await #expect(throws: (any Error).self) {
                try await RefusalRecord(redis: api.world.redis, outbox: api.world.redisOutbox, nudge: {})
                    .record([SecurityEvent(.accessRefused, at: 1)])
            }
            // The request is answered all the same.
            #expect(try await api.send(.get, "/v1/users").status == 401)
            await refusals.flush()
            try await api.world.server.restart()
            try await eventually("Redis takes commands") { (try? await api.world.redis.ping()) != nil }
            await refusals.flush()
            let events = try await inRedis(api.world, .accessRefused)
            #expect(events.reduce(0) { $0 + ($1.data["fields"]?["refusals"]?.int ?? 0) } == 4)
        }
    }

    /// Through a script in Redis and through a transaction in SQL.
    @Test func eventsBelongToTheTraceOfTheirRequest() async throws {
        try await api { api, _ in
            let admin = try await api.administrator()
            let made = try await api.send(
                .post, "/v1/users", ["username": "otto", "roles": ["trader"]], token: admin, headers: Self.headers)
            #expect(made.status == 201)
            let rows = try await api.world.database.query("SELECT payload FROM outbox_events ORDER BY id")
            let inSQL = try rows.compactMap { OutboxEvent(encoded: try $0.text("payload").utf8) }
            let created = try #require(inSQL.last { $0.type == "org.jts.security.user-created" })
            #expect(created.traceparent?.hasPrefix("00-\(Self.trace)-") == true)
            #expect(created.tracestate == "vendor=abc")

            let login: JSONValue = ["username": "otto", "password": "not this passphrase"]
            #expect(try await api.send(.post, "/v1/login", login, headers: Self.headers).status == 401)
            let failed = try #require(try await inRedis(api.world, .loginFailed).first)
            #expect(failed.traceparent?.hasPrefix("00-\(Self.trace)-") == true)
            #expect(failed.tracestate == "vendor=abc")
            #expect(failed.traceparent != created.traceparent, "each request is a span of its own")
        }
    }
}
