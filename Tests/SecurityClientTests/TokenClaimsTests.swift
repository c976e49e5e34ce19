import APISecurity
import JOSE
import StrictJSON
import Testing

@testable import SecurityClient

/// RFC 9068 sections 2.2 and 4, RFC 8725 sections 3.8 and 3.9.
@Suite struct TokenClaimsTests {
    let world = TestVerifier()
    var issuer: TestIssuer { world.issuer }

    @Test(arguments: [
        ("iss", TokenRefusal.wrongIssuer), ("sub", .claim("sub")), ("aud", .claim("aud")), ("exp", .claim("exp")),
        ("iat", .claim("iat")), ("jti", .claim("jti")), ("client_id", .claim("client_id")),
    ])
    func claimsThatMustBeThere(_ name: String, _ refusal: TokenRefusal) async throws {
        #expect(await world.refusal(try issuer.token { $0[name] = nil }) == refusal)
    }

    @Test(arguments: [
        "nbf", "iat_ms", "scope", "auth_time", "amr", "acr", "roles", "permissions", "email", "device_id", "sid",
    ])
    func claimsThatMayBeLeftOut(_ name: String) async throws {
        #expect(await world.refusal(try issuer.token { $0[name] = nil }) == nil)
    }

    @Test(arguments: [
        "iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "auth_time", "amr", "acr", "sid",
        "device_id", "roles", "permissions", "email", "cnf",
    ])
    func claimsOfTheWrongType(_ name: String) async throws {
        for wrong in [JSONValue.bool(true), .null, ["a": "b"], [1], .double(-1)] {
            #expect(await world.refusal(try issuer.token { $0[name] = wrong }) == .claim(name), "\(wrong)")
        }
    }

    @Test func theIssuerIsComparedByteByByte() async throws {
        for other in [TestIssuer.name + "/", TestIssuer.name.uppercased(), "", "https://issuer.tes\u{74}\u{301}"] {
            #expect(await world.refusal(try issuer.token { $0["iss"] = .string(other) }) == .wrongIssuer)
        }
    }

    @Test func audiences() async throws {
        #expect(await world.refusal(try issuer.token { $0["aud"] = ["other", "jts"] }) == nil)
        #expect(await world.refusal(try issuer.token { $0["aud"] = ["other"] }) == .wrongAudience)
        #expect(await world.refusal(try issuer.token { $0["aud"] = [] }) == .wrongAudience)
        #expect(await world.refusal(try issuer.token { $0["aud"] = "JTS" }) == .wrongAudience)
        let any = TestVerifier { $0.audience = nil }
        #expect(await any.refusal(try any.issuer.token { $0["aud"] = "other" }) == nil)
        #expect(await any.refusal(try any.issuer.token { $0["aud"] = nil }) == .claim("aud"))
        #expect(await any.refusal(try any.issuer.token { $0["aud"] = [] }) == .wrongAudience)
    }

    // MARK: Time

    @Test func expiryIsExact() async throws {
        let expires = world.clock.seconds + 100
        let token = try issuer.token { $0["exp"] = .int(expires) }
        world.clock.set(expires * 1000 - 1)
        #expect(await world.refusal(token) == nil)
        world.clock.set(expires * 1000)
        #expect(await world.refusal(token) == .expired, "in the cache")
        #expect(await world.refusal(token) == .expired, "and out of it")
    }

    @Test func fractionsOfASecondAreCutOffAnExpiry() async throws {
        let expires = world.clock.seconds + 100
        let token = try issuer.token { $0["exp"] = .double(Double(expires) + 0.9) }
        world.clock.set(expires * 1000)
        #expect(await world.refusal(token) == .expired)
    }

    @Test(arguments: ["nbf", "iat"])
    func fiveSecondsOfLeeway(_ name: String) async throws {
        world.clock.set(TestClock.start / 1000 * 1000)
        let now = world.clock.seconds
        #expect(await world.refusal(try issuer.token { $0[name] = .int(now + 5) }) == nil)
        #expect(await world.refusal(try issuer.token { $0[name] = .int(now + 6) }) == .notYetValid)
        if name == "nbf" {
            #expect(await world.refusal(try issuer.token { $0[name] = .double(Double(now) + 5.5) }) == .notYetValid)
        }
        let later = try issuer.token { $0[name] = .int(now + 6) }
        world.clock.advance(1000)
        #expect(await world.refusal(later) == nil)
    }

    @Test func datesBeyondReason() async throws {
        for wrong in [JSONValue.int(-1), .int(1 << 40), .double(1e300), .string("1800000000")] {
            #expect(await world.refusal(try issuer.token { $0["exp"] = wrong }) == .claim("exp"))
        }
    }

    /// Revocations are remembered for the life of a token: one that lives longer would rise again.
    @Test func tokensThatLiveLongerThanRevocationsAreRemembered() async throws {
        let now = world.clock.seconds
        #expect(await world.refusal(try issuer.token { $0["exp"] = .int(now + 901) }) == .claim("exp"))
        #expect(await world.refusal(try issuer.token { $0["exp"] = .int(now + 900) }) == nil)
    }

    /// It may lie a little before or after `iat`: see `iat_ms` of token-service.
    @Test func theInstantThatRevocationsAreComparedWith() async throws {
        let seconds = world.clock.seconds
        let slack = RevocationSet.slack
        func instant(_ value: JSONValue?) async throws -> Int64 {
            try await world.verifier.verify(try issuer.token { $0["iat_ms"] = value }).issuedAtMilliseconds
        }
        #expect(try await instant(.int(seconds * 1000)) == seconds * 1000)
        #expect(try await instant(.int(seconds * 1000 + 999)) == seconds * 1000 + 999)
        #expect(try await instant(.int(seconds * 1000 + slack)) == seconds * 1000 + slack)
        #expect(try await instant(.int(seconds * 1000 - slack)) == seconds * 1000 - slack)
        for inconsistent in [
            JSONValue.int(seconds * 1000 + slack + 1), .int(seconds * 1000 - slack - 1), .int(-1), .int(.max),
            .int(.min),
            .string("\(seconds * 1000)"), .double(Double(seconds) * 1000 + 0.5), .null,
        ] {
            #expect(try await instant(inconsistent) == seconds * 1000, "\(inconsistent)")
        }
        #expect(try await instant(nil) == seconds * 1000)
    }

    // MARK: Confirmation, RFC 7800 section 3.1

    @Test func confirmations() async throws {
        let thumbprint = TestKeys.ec.publicJWK.thumbprint()
        let certificate = try issuer.token { $0["cnf"] = ["x5t#S256": .string(thumbprint)] }
        #expect(try await world.verifier.verify(certificate).confirmation == .certificate(thumbprint))
        let key = try issuer.token { $0["cnf"] = ["jkt": .string(thumbprint)] }
        #expect(try await world.verifier.verify(key).confirmation == .dpop(thumbprint))
    }

    @Test func confirmationsThatAreNotUnderstood() async throws {
        let thumbprint = JSONValue.string(TestKeys.ec.publicJWK.thumbprint())
        let wrong: [JSONValue] = [
            [:], ["jwk": TestKeys.ec.publicJWK.json()], ["kid": "x"], ["jkt": ""], ["jkt": 1], ["jkt": "short"],
            ["jkt": thumbprint, "x5t#S256": thumbprint], "jkt", ["x5t": thumbprint],
        ]
        for cnf in wrong {
            #expect(await world.refusal(try issuer.token { $0["cnf"] = cnf }) == .claim("cnf"), "\(cnf)")
        }
    }

    @Test func refusalsSayNothingOfTheToken() async throws {
        let token = try issuer.token { $0["sub"] = 1 }
        let refusal = try #require(await world.refusal(token))
        #expect("\(refusal)" == "the token's claim sub is not taken")
        #expect(world.verifier.statistics.refusals == 1)
    }
}
