import APISecurity
import Contracts
import HTTPTypes
import StrictJSON
import Testing

@testable import OrderAPI

@Suite struct OrdersAPITests {
    private func api(_ body: (OrderHTTP) async throws -> Void) async throws {
        try await withWorld { try await body(OrderHTTP($0)) }
    }

    @Test func anOrderIsPlacedShownListedAndCancelled() async throws {
        try await api { api in
            let placed = try await api.send(
                .post, "/v1/orders", ["symbol": "EURUSD", "side": "sell", "quantity": 1, "limit_price": "1.0825"])
            #expect(placed.status == 201)
            let id = try #require(placed["id"])
            #expect(placed.headers[.location] == "/v1/orders/\(id)")
            #expect(placed["status"] == "open")
            #expect(placed["limit_price"] == "1.0825")
            #expect(placed["placed_at"] == "2027-01-15T08:00:00.000Z")
            let shown = try await api.send(.get, "/v1/orders/\(id)")
            #expect(shown.status == 200)
            #expect(shown.json == placed.json)
            let listed = try await api.send(.get, "/v1/orders")
            #expect(listed.json == ["orders": [try #require(placed.json)], "next_cursor": nil])
            let cancelled = try await api.send(.delete, "/v1/orders/\(id)")
            #expect(cancelled.status == 200)
            #expect(cancelled["status"] == "cancelled")
            api.world.advance(milliseconds: 60_000)
            let again = try await api.send(.delete, "/v1/orders/\(id)")
            #expect(again.status == 200)
            #expect(again.json == cancelled.json)
            #expect(try await api.world.types() == [orderPlaced, orderCancelled])
        }
    }

    /// The events say who, in which session and request, as part of which trace.
    @Test func eventsNameTheRequest() async throws {
        try await api { api in
            let trace = "0af7651916cd43dd8448eb211c80319c"
            let placed = try await api.send(
                .post, "/v1/orders", OrderHTTP.plain,
                headers: [
                    HTTPField.Name("traceparent")!: "00-\(trace)-b7ad6b7169203331-01",
                    HTTPField.Name("tracestate")!: "vendor=abc",
                ])
            let event = try #require(try await api.world.events().first)
            #expect(event.traceparent?.hasPrefix("00-\(trace)-") == true)
            #expect(event.tracestate == "vendor=abc")
            #expect(event.data["subject"] == "usr_maria")
            #expect(event.data["session_id"] == "ses_maria")
            #expect(event.data["request_id"]?.string == placed.headers[HTTPField.Name("X-Request-Id")!])
            #expect(event.traceparent?.count == 55)
        }
    }

    /// What is refused is on record too, in the same outbox; a flood of it is one row a second.
    @Test func refusalsAreOnRecord() async throws {
        try await withWorld { world in
            let refusals = AccessRefusals(
                sink: RefusalRecord(database: world.database, nudge: {}), clock: { world.now }, logger: quiet)
            let api = OrderHTTP(world, refusals: refusals)
            for _ in 0..<40 {
                #expect(try await api.send(.post, "/v1/orders", OrderHTTP.plain, as: "otto/viewer").status == 403)
            }
            #expect(try await api.send(.get, "/v1/orders", as: nil).status == 401)
            await refusals.flush()
            let events = try await world.events()
            #expect(events.allSatisfy { $0.type == "org.jts.security.access-refused" && $0.traceparent?.count == 55 })
            let lines = events.map { event in
                let fields = event.data["fields"]
                return [
                    event.subject ?? "-", event.data["reason"]?.string ?? "", fields?["route"]?.string ?? "",
                    fields?["permission"]?.string ?? "", "\(fields?["refusals"]?.int ?? 0)",
                ]
            }
            #expect(
                Set(lines) == [
                    ["usr_otto", "permission_denied", "/v1/orders", "orders:place", "1"],
                    ["usr_otto", "permission_denied", "/v1/orders", "orders:place", "39"],
                    ["-", "authentication_required", "/v1/orders", "orders:view", "1"],
                ])
        }
    }

    @Test func whoMayDoWhat() async throws {
        try await api { api in
            let id = try await api.place()
            let calls: [(String, String, String, JSONValue?)] = [
                ("place", "POST", "/v1/orders", OrderHTTP.plain), ("list", "GET", "/v1/orders", nil),
                ("show", "GET", "/v1/orders/\(id)", nil), ("cancel", "DELETE", "/v1/orders/\(id)", nil),
                ("cancel all", "POST", "/v1/orders/cancel-all", nil),
            ]
            let expected: [(String?, [Int])] = [
                (nil, [401, 401, 401, 401, 401]), ("maria/nobody", [401, 401, 401, 401, 401]),
                ("otto/admin", [403, 403, 403, 403, 403]), ("otto/viewer", [403, 200, 404, 403, 403]),
                ("otto/risk-manager", [403, 200, 404, 404, 200]), ("otto/trader", [201, 200, 404, 404, 200]),
                ("maria/trader", [201, 200, 200, 200, 200]),
            ]
            for (token, statuses) in expected {
                for (call, status) in zip(calls, statuses) {
                    let answer = try await api.send(.init(call.1)!, call.2, call.3, as: token)
                    #expect(answer.status == status, "\(call.0) as \(token ?? "nobody")")
                }
            }
        }
    }

    @Test func aViewerSeesAnEmptyList() async throws {
        try await api { api in
            _ = try await api.place()
            let listed = try await api.send(.get, "/v1/orders", as: "vera/viewer")
            #expect(listed.json == ["orders": [], "next_cursor": nil])
        }
    }

    /// What happens to each route when revocations cannot be known.
    @Test func placingAddsRiskAndCancellingTakesItAway() async throws {
        try await api { api in
            var risks: [String: RiskClass] = [:]
            for route in api.router.routes { risks["\(route.method.rawValue) \(route.path)"] = route.access.risk }
            #expect(
                risks == [
                    "POST /v1/orders": .increasing, "GET /v1/orders": .neutral, "GET /v1/orders/{order}": .neutral,
                    "DELETE /v1/orders/{order}": .reducing, "POST /v1/orders/cancel-all": .reducing,
                ])
        }
    }

    @Test func aRepeatedRequestPlacesOneOrder() async throws {
        try await api { api in
            let first = try await api.send(.post, "/v1/orders", OrderHTTP.plain, key: "a-1")
            let second = try await api.send(.post, "/v1/orders", OrderHTTP.plain, key: "\"a-1\"")
            #expect(second.status == 201)
            #expect(second.json == first.json)
            #expect(second.headers[.location] == first.headers[.location])
            let other: JSONValue = ["symbol": "EURUSD", "side": "buy", "quantity": 101]
            let refused = try await api.send(.post, "/v1/orders", other, key: "a-1")
            #expect(refused.status == 422)
            #expect(refused.problem == "idempotency-key-reused")
            #expect(try await api.send(.post, "/v1/orders", other, as: "otto/trader", key: "a-1").status == 201)
            #expect(try await api.send(.post, "/v1/orders", other, key: "with space").status == 400)
            #expect(try await api.world.count() == 2)
        }
    }

    @Test func allFaultsOfABodyAreNamed() async throws {
        try await api { api in
            let wrong: [(JSONValue, [String])] = [
                ([:], ["/quantity", "/side", "/symbol"]),
                (["symbol": "eur", "side": "hold", "quantity": 0], ["/quantity", "/side", "/symbol"]),
                (["symbol": "EURUSD", "side": "buy", "quantity": 1_000_001], ["/quantity"]),
                (["symbol": "EURUSD", "side": "buy", "quantity": "1"], ["/quantity"]),
                (["symbol": "EURUSD", "side": "buy", "quantity": 1.5], ["/quantity"]),
                (["symbol": "EURUSD", "side": "buy", "quantity": 1, "limit_price": 1.5], ["/limit_price"]),
                (["symbol": "EURUSD", "side": "buy", "quantity": 1, "limit_price": "0"], ["/limit_price"]),
                (["symbol": "EURUSD", "side": "buy", "quantity": 1, "limit_price": nil], ["/limit_price"]),
                (["symbol": "EURUSD", "side": "buy", "quantity": 1, "owner": "usr_otto"], ["/owner"]),
                ([], [""]),
            ]
            for (body, places) in wrong {
                let answer = try await api.send(.post, "/v1/orders", body)
                #expect(answer.status == 400)
                #expect(answer.faults == places, "\(body)")
            }
            #expect(try await api.send(.post, "/v1/orders", nil).status == 415)
            for quantity in [1, 1_000_000] as [JSONValue] {
                let body: JSONValue = ["symbol": "EURUSD", "side": "buy", "quantity": quantity]
                #expect(try await api.send(.post, "/v1/orders", body).status == 201)
            }
            #expect(try await api.world.count() == 2)
        }
    }

    @Test func theListIsPaged() async throws {
        try await api { api in
            var placed: Set<String> = []
            for _ in 0..<5 { placed.insert(try await api.place()) }
            var (seen, path): ([String], String?) = ([], "/v1/orders?limit=2")
            while let asked = path {
                let page = try await api.send(.get, asked)
                #expect(page.status == 200)
                seen += page.json?["orders"]?.array?.compactMap { $0["id"]?.string } ?? []
                path = page["next_cursor"].map { "/v1/orders?limit=2&cursor=\($0)" }
            }
            #expect(seen.count == 5)
            #expect(Set(seen) == placed)
            let bad: [JSONValue] = ["x", [1], [1, "x"], ["x", "y"], [1, 2], [1, "\0"], .null, [1.5, "x"]]
            for cursor in bad {
                let answer = try await api.send(.get, "/v1/orders?cursor=\(Page.cursor(cursor))")
                #expect(answer.status == 400)
                #expect(answer.problem == "bad-cursor")
            }
            for query in ["limit=0", "limit=201", "limit=x", "status=open", "cursor=%00", "limit=1&limit=2"] {
                #expect(try await api.send(.get, "/v1/orders?\(query)").status == 400, "\(query)")
            }
        }
    }

    @Test(arguments: [
        "x", "%41", "0c6f0f6e-6d0c-4b6e-8a5d-1c1f6a4c9b11", "0C6F0F6E-6D0C-4B6E-8A5D-1C1F6A4C9B11", "'%20OR%20'1'='1",
    ])
    func whatNamesNoOrderIsNotFound(_ id: String) async throws {
        try await api { api in
            let (shown, cancelled) = (
                try await api.send(.get, "/v1/orders/\(id)"), try await api.send(.delete, "/v1/orders/\(id)")
            )
            #expect(shown.status == 404)
            #expect(cancelled.status == 404)
        }
    }

    @Test func cancelAllCancelsTheCallersOwn() async throws {
        try await api { api in
            for _ in 0..<3 { _ = try await api.place() }
            let other = try await api.place(as: "otto/trader")
            let answer = try await api.send(.post, "/v1/orders/cancel-all")
            #expect(answer.json == ["cancelled": 3])
            #expect(try await api.send(.post, "/v1/orders/cancel-all").json == ["cancelled": 0])
            #expect(try await api.send(.get, "/v1/orders/\(other)", as: "otto/trader")["status"] == "open")
            #expect(try await api.send(.get, "/v1/orders/cancel-all").status == 405)
        }
    }

    /// A database that is gone is said to be, and nothing of it.
    @Test func withoutDatabaseTheAnswerIs503() async throws {
        try await api { api in
            await api.world.database.shutdown()
            for answer in [
                try await api.send(.post, "/v1/orders", OrderHTTP.plain), try await api.send(.get, "/v1/orders"),
            ] {
                #expect(answer.status == 503)
                #expect(answer.problem == "unavailable")
                #expect(answer.headers[.retryAfter] != nil)
            }
        }
    }
}
