import APISecurity
import Cedar
import StrictJSON
import Testing

@testable import SecurityClient

/// Roles that are held for a part of the platform: where they count, and how tokens say them.
@Suite struct ScopedRoleTests {
    private static let files = [
        "schema.cedarschema": """
        entity Role;
        entity ScopedRole;
        entity User in [Role, ScopedRole];
        entity Desk;
        entity Account in [Desk];
        entity InstrumentClass;
        entity Instrument in [InstrumentClass];
        entity Order in [Account, Instrument];
        action "risk-increasing", "risk-reducing";
        action "orders:place" in ["risk-increasing"] appliesTo { principal: [User], resource: [Desk, Account, Instrument, Order] };
        action "orders:view" appliesTo { principal: [User], resource: [Desk, Account, Instrument, Order] };
        """,
        "a.cedar": """
        @id("traders") permit (principal in Role::"trader", action == Action::"orders:place", resource);
        @id("somewhere") permit (principal in ScopedRole::"trader", action == Action::"orders:view", resource);
        """,
    ]

    private static let entities = [
        Entity(uid: uid("Desk", "fx")), Entity(uid: uid("Desk", "rates")),
        Entity(uid: uid("Account", "one"), parents: [uid("Desk", "fx")]),
        Entity(uid: uid("Account", "two"), parents: [uid("Desk", "rates")]),
        Entity(uid: uid("InstrumentClass", "fx-spot")),
        Entity(uid: uid("Instrument", "EURUSD"), parents: [uid("InstrumentClass", "fx-spot")]),
        Entity(uid: uid("Instrument", "BUND")),
        // What the store says of anybody's roles is nothing.
        Entity(uid: uid("User", "mallory"), parents: [uid("Role", "trader"), uid("ScopedRole", "trader")]),
    ]

    private static func uid(_ type: Name, _ id: CedarString) -> EntityUID { EntityUID(type: type, id: id) }

    private func withAuthorizer(_ body: (Authorizer, Int64) async throws -> Void) async throws {
        let endpoint = try await PolicyEndpoint()
        endpoint.state.update { ($0.files, $0.entities) = (Self.files, Self.entities) }
        let client = try endpoint.client()
        #expect(await client.fetch())
        do {
            try await body(Authorizer(client, record: nil, clock: endpoint.clock.read), endpoint.clock.now)
        } catch {
            await endpoint.stop()
            throw error
        }
        await endpoint.stop()
    }

    private func subject(
        _ scoped: [ScopedRole], roles: [String] = [], subject: String = "alice", now: Int64
    ) -> AuthorizationSubject {
        var identity = Identity(subject: subject, sessionID: "ses_1", roles: roles)
        identity.scopedRoles = scoped
        return AuthorizationSubject(identity, now: now)
    }

    @Test func aRoleCountsWhereItIsHeld() async throws {
        try await withAuthorizer { authorizer, now in
            func places(_ scope: ScopedRole, _ resource: EntityUID, _ entities: [Entity] = []) -> Bool {
                authorizer.decide(
                    "orders:place", on: resource, by: subject([scope], now: now), entities: entities
                ).isAllowed
            }
            let desk = ScopedRole(role: "trader", type: "Desk", id: "fx")
            #expect(places(desk, Self.uid("Desk", "fx")))
            #expect(places(desk, Self.uid("Account", "one")), "by the account's desk")
            #expect(!places(desk, Self.uid("Desk", "rates")) && !places(desk, Self.uid("Account", "two")))
            #expect(!places(desk, Self.uid("Account", "unknown")))
            let account = ScopedRole(role: "trader", type: "Account", id: "one")
            #expect(places(account, Self.uid("Account", "one")) && !places(account, Self.uid("Account", "two")))
            #expect(!places(account, Self.uid("Desk", "fx")), "the part does not make the whole")
            let spot = ScopedRole(role: "trader", type: "InstrumentClass", id: "fx-spot")
            #expect(places(spot, Self.uid("Instrument", "EURUSD")) && !places(spot, Self.uid("Instrument", "BUND")))
            // An order that the caller describes is where it says it is, by two ways.
            let order = Self.uid("Order", "1")
            func inAccount(_ account: CedarString, _ instrument: CedarString) -> [Entity] {
                [Entity(uid: order, parents: [Self.uid("Account", account), Self.uid("Instrument", instrument)])]
            }
            #expect(places(desk, order, inAccount("one", "BUND")) && !places(desk, order, inAccount("two", "EURUSD")))
            #expect(places(spot, order, inAccount("two", "EURUSD")) && !places(spot, order, inAccount("one", "BUND")))
            #expect(!places(desk, order), "nobody says where it is")
            // Another role there, the same id of another type, and what is no type.
            #expect(!places(ScopedRole(role: "viewer", type: "Desk", id: "fx"), Self.uid("Desk", "fx")))
            #expect(!places(ScopedRole(role: "trader", type: "Account", id: "fx"), Self.uid("Desk", "fx")))
            #expect(!places(ScopedRole(role: "trader", type: "no type", id: "fx"), Self.uid("Desk", "fx")))
        }
    }

    /// Somebody who holds a role for any part may be told apart from somebody who does not.
    @Test func thatItIsHeldSomewhereIsKnownEverywhere() async throws {
        try await withAuthorizer { authorizer, now in
            let desk = ScopedRole(role: "trader", type: "Desk", id: "fx")
            let rates = Self.uid("Desk", "rates")
            func allowed(_ action: String, _ subject: AuthorizationSubject) -> Bool {
                authorizer.decide(action, on: rates, by: subject).isAllowed
            }
            #expect(allowed("orders:view", subject([desk], now: now)))
            #expect(!allowed("orders:view", subject([], now: now)))
            #expect(!allowed("orders:view", subject([], subject: "mallory", now: now)))
            #expect(!allowed("orders:place", subject([], subject: "mallory", now: now)))
            #expect(allowed("orders:place", subject([], roles: ["trader"], now: now)), "held everywhere")
            let both = subject([desk, ScopedRole(role: "trader", type: "Desk", id: "rates")], now: now)
            #expect(allowed("orders:place", both))
        }
    }

    // MARK: Tokens

    private static let one: JSONValue = ["role": "trader", "type": "Desk", "id": "fx"]

    @Test func theClaimIsRead() async throws {
        let world = TestVerifier()
        func read(_ claim: JSONValue?) async throws -> [ScopedRole] {
            try await world.verifier.verify(try world.issuer.token { $0["scoped_roles"] = claim }).scopedRoles
        }
        let trader = ScopedRole(role: "trader", type: "Desk", id: "fx")
        #expect(try await read(nil) == [])
        #expect(try await read([]) == [])
        #expect(try await read([Self.one]) == [trader])
        #expect(
            try await read([Self.one, ["role": "viewer", "type": "Desk", "id": "é\"\\"]])
                == [trader, ScopedRole(role: "viewer", type: "Desk", id: "é\"\\")])
        // In whatever order.
        #expect(try await read([["id": "fx", "type": "Desk", "role": "trader"]]) == [trader])
    }

    private static let wrong: [JSONValue] = [
        .null, "trader", ["trader"], [1], [[]], [[:]], ["role": "trader"], [["role": "trader"]],
        [["role": "trader", "type": "Desk"]], [["role": "trader", "type": "Desk", "id": 1]],
        [["role": "trader", "type": .null, "id": "fx"]], [one, "x"],
        // What narrows it further is not to be overlooked.
        [["role": "trader", "type": "Desk", "id": "fx", "until": 1]],
    ]

    @Test(arguments: wrong)
    func whatIsNoListOfThemIsRefused(_ claim: JSONValue) async throws {
        let world = TestVerifier()
        #expect(await world.refusal(try world.issuer.token { $0["scoped_roles"] = claim }) == .claim("scoped_roles"))
    }

    /// Both ways to read claims say the same, and the way past the parser is taken for what issuers write.
    @Test func bothWaysToReadAreOne() {
        let clock = TestClock()
        let options = TokenVerifier.Options(issuer: TestIssuer.name, audience: "jts")
        let shared = SharedClaims()
        func read(_ claim: JSONValue) -> (plain: [ScopedRole]?, parsed: [ScopedRole]?) {
            var claims = TestIssuer(clock: clock).claims()
            claims["scoped_roles"] = claim
            return JSONValue.object(claims).encoded().withUnsafeBytes { bytes in
                let plain = AccessTokenClaims(plain: bytes, options, shared)?.identity.scopedRoles
                guard case .success(let parsed) = AccessTokenClaims.parsing(bytes, options) else { return (plain, nil) }
                return (plain, parsed.identity.scopedRoles)
            }
        }
        let two: JSONValue = [Self.one, ["role": "viewer", "type": "Account", "id": "1"]]
        for claim: JSONValue in [[Self.one], two] {
            let (plain, parsed) = read(claim)
            #expect(plain != nil && plain == parsed)
        }
        for claim: JSONValue in [[], [["id": "fx", "type": "Desk", "role": "trader"]]] {
            let (plain, parsed) = read(claim)
            #expect(plain == nil && parsed != nil)
        }
        for claim in Self.wrong {
            let (plain, parsed) = read(claim)
            #expect(plain == nil && parsed == nil)
        }
    }
}
