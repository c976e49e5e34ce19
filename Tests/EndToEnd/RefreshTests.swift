import StrictJSON
import TestSupport
import Testing

/// Refresh tokens over two replicas: each has one successor, and a thief's is the end of the session.
@Suite struct RefreshTests {
    @Test func aReusedTokenEndsTheSession() async throws {
        let system = try await SharedSystem.get()
        let trader = try await system.person("trader", enrol: false)
        let session = try await trader.signIn(system.http(0))
        let bystander = try await trader.signIn(system.http(1))
        let second = try TestPerson.Session(try await system.http(1).refresh(session.refresh).require(200))
        let third = try TestPerson.Session(try await system.http(0).refresh(second.refresh).require(200))
        #expect(third.sessionID == session.sessionID)

        // The first token again, after its successor was used: whoever sends it is not who holds the third.
        for token in [session.refresh, third.refresh, second.refresh] {
            let refused = try await system.http(1).refresh(token).require(400)
            #expect(refused.json["error"] == "invalid_grant")
        }
        try await eventually("order-api refuses") {
            try await system.orders.call("GET", "/v1/orders", token: third.access).status == 401
        }
        for replica in 0...1 {
            try await eventually("replica \(replica) refuses") {
                try await system.http(replica).call("GET", "/v1/users/me", token: third.access).status == 401
            }
        }
        #expect(try await system.http(0).introspect(third.access, as: system.orderClient) == ["active": false])
        // Another session of the same person goes on.
        try await system.orders.call("GET", "/v1/orders", token: bystander.access).require(200)
        try await system.http(0).refresh(bystander.refresh).require(200)
    }

    @Test func aLostAnswerIsGivenAgain() async throws {
        let system = try await SharedSystem.get()
        let session = try await system.person("trader", enrol: false).signIn(system.http(0))
        let first = try TestPerson.Session(try await system.http(0).refresh(session.refresh).require(200))
        let repeated = try TestPerson.Session(try await system.http(0).refresh(session.refresh).require(200))
        let elsewhere = try TestPerson.Session(try await system.http(1).refresh(session.refresh).require(200))
        #expect(first.refresh == repeated.refresh)
        #expect(first.refresh == elsewhere.refresh)

        // Another client that has the token is not the same client repeating itself.
        let stranger = try await system.http(1).call(
            "POST", "/oauth2/token",
            form: ["grant_type": "refresh_token", "refresh_token": session.refresh, "client_id": "stranger"])
        #expect(stranger.status == 400)
        let next = try TestPerson.Session(try await system.http(1).refresh(first.refresh).require(200))
        // The successor was used: now the repetition is a reuse.
        try await system.http(0).refresh(session.refresh).require(400)
        try await system.http(0).refresh(next.refresh).require(400)
    }

    /// The same token at both replicas at once, many times over: one successor, whoever asks.
    @Test func simultaneousRefreshesAgree() async throws {
        let system = try await SharedSystem.get()
        var token = try await system.person("viewer", enrol: false).signIn(system.http(0)).refresh
        for _ in 0..<15 {
            let present = token
            let successors = try await withThrowingTaskGroup(of: String.self) { group in
                for index in 0..<8 {
                    group.addTask {
                        try await system.http(index % 2).refresh(present).require(200).string("refresh_token")
                    }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            try #require(successors.count == 1)
            token = try #require(successors.first)
        }
    }

    @Test func aChangedPasswordAndALostAccountEndAllSessions() async throws {
        let system = try await SharedSystem.get()
        let trader = try await system.person("trader", enrol: false)
        let before = try await trader.signIn(system.http(0))
        try await system.orders.placeOrder(before.access).require(201)
        try await trader.changePassword(system.http(1))
        try await system.http(0).refresh(before.refresh).require(400)
        try await eventually("order-api refuses") {
            try await system.orders.placeOrder(before.access).status == 401
        }

        let after = try await trader.signIn(system.http(0))
        try await system.orders.placeOrder(after.access).require(201)
        try await system.http(1).call(
            "POST", "/v1/users/\(trader.id)/disable", token: try await system.adminToken()
        ).require(200)
        try await system.http(0).refresh(after.refresh).require(400)
        try await eventually("order-api refuses") {
            try await system.orders.placeOrder(after.access).status == 401
        }
        try await trader.login(system.http(0)).require(401)
    }
}
