import JOSE
import StrictJSON
import Testing

/// The registered claims and their validation (RFC 7519 section 4.1, RFC 8725 section 3).
@Suite struct ClaimsTests {
    private let now: Int64 = 1_764_000_000

    private func claims(_ text: String) throws(JOSEError) -> JWTClaims { try JWTClaims(payload: Array(text.utf8)) }

    private func refusal(
        _ text: String, issuer: String? = nil, audience: String? = nil, now: Int64? = nil
    ) throws -> JOSEError? {
        let claims = try claims(text)
        do throws(JOSEError) {
            try claims.validate(issuer: issuer, audience: audience, now: now ?? self.now)
            return nil
        } catch { return error }
    }

    @Test func everyClaim() throws {
        let claims = try claims(
            #"{"iss":"i","sub":"s","aud":["a","b"],"exp":3,"iat":1,"nbf":2,"jti":"j","scope":"x"}"#)
        #expect(claims.issuer == "i" && claims.subject == "s" && claims.audience == ["a", "b"])
        #expect(claims.expiresAt == 3 && claims.issuedAt == 1 && claims.notBefore == 2 && claims.tokenID == "j")
        #expect(claims.raw["scope"] == "x")
        let none = try self.claims("{}")
        #expect(none.issuer == nil && none.audience.isEmpty && none.expiresAt == nil && none.tokenID == nil)
    }

    /// No leeway: a token is dead at the second that `exp` names.
    @Test func expiryIsExact() throws {
        #expect(try refusal(#"{"exp":\#(now + 1)}"#) == nil)
        #expect(try refusal(#"{"exp":\#(now)}"#) == .expired)
        #expect(try refusal(#"{"exp":\#(now - 1)}"#) == .expired)
        #expect(try refusal(#"{"exp":\#(now).999}"#) == .expired)
        #expect(try refusal(#"{"exp":0}"#) == .expired)
        #expect(try refusal("{}") == .claim("exp"))
    }

    @Test(arguments: ["nbf", "iat"]) func leewayOfFiveSeconds(name: String) throws {
        for offset: Int64 in [-100, 0, 5] {
            #expect(try refusal(#"{"exp":\#(now + 60),"\#(name)":\#(now + offset)}"#) == nil)
        }
        for offset: Int64 in [6, 600] {
            #expect(try refusal(#"{"exp":\#(now + 900),"\#(name)":\#(now + offset)}"#) == .notYetValid)
        }
    }

    @Test func leewayIsTheCallers() throws {
        let claims = try claims(#"{"exp":\#(now + 60),"nbf":\#(now + 1)}"#)
        #expect(throws: JOSEError.notYetValid) {
            try claims.validate(issuer: nil, audience: nil, now: now, leeway: 0)
        }
        try claims.validate(issuer: nil, audience: nil, now: now, leeway: 1)
    }

    @Test func issuer() throws {
        let live = #","exp":\#(now + 60)}"#
        #expect(try refusal(#"{"iss":"https://a.example""# + live, issuer: "https://a.example") == nil)
        #expect(try refusal(#"{"iss":"https://a.example""# + live) == nil)
        for wrong in ["https://a.example/", "https://A.example", "", "https://a.example ", "https://b.example"] {
            #expect(try refusal(#"{"iss":"\#(wrong)""# + live, issuer: "https://a.example") == .claim("iss"))
        }
        #expect(try refusal(#"{"exp":\#(now + 60)}"#, issuer: "https://a.example") == .claim("iss"))
    }

    @Test func audience() throws {
        let live = #","exp":\#(now + 60)}"#
        for taken in [#""jts""#, #"["jts"]"#, #"["other","jts"]"#] {
            #expect(try refusal(#"{"aud":\#(taken)"# + live, audience: "jts") == nil)
        }
        for wrong in [#""JTS""#, #""jts ""#, #"["other"]"#, "[]", #""other jts""#, #""""#] {
            #expect(try refusal(#"{"aud":\#(wrong)"# + live, audience: "jts") == .claim("aud"))
        }
        #expect(try refusal(#"{"exp":\#(now + 60)}"#, audience: "jts") == .claim("aud"))
        #expect(try refusal(#"{"exp":\#(now + 60)}"#) == nil)
    }

    /// RFC 7519 section 7.3: compared without any transformation.
    @Test func namesAreBytes() throws {
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        let text = #"{"iss":"\#(composed)","aud":"\#(composed)","exp":\#(now + 60)}"#
        #expect(try refusal(text, issuer: composed, audience: composed) == nil)
        #expect(try refusal(text, issuer: decomposed) == .claim("iss"))
        #expect(try refusal(text, audience: decomposed) == .claim("aud"))
    }

    @Test(arguments: ["iss", "sub", "jti"]) func textOfTheWrongType(name: String) {
        for value in ["1", "null", "true", #"["a"]"#, "{}"] {
            #expect(throws: JOSEError.claim(name)) { try claims(#"{"\#(name)":\#(value)}"#) }
        }
    }

    @Test(arguments: ["exp", "iat", "nbf"]) func dateOfTheWrongType(name: String) throws {
        for value in [
            #""1764000000""#, "null", "true", "[1]", "{}", "-1", "-0.5", "1e300", "1099511627776",
            "9223372036854775807",
            "18446744073709551616",
        ] {
            #expect(throws: JOSEError.claim(name), "\(value)") { try claims(#"{"\#(name)":\#(value)}"#) }
        }
        // RFC 7519 section 2: a NumericDate may have a fraction, and an exponent is the same number.
        #expect(try claims(#"{"exp":1764000000.75}"#).expiresAt == 1_764_000_000)
        #expect(try claims(#"{"exp":1.764e9}"#).expiresAt == 1_764_000_000)
        #expect(try claims(#"{"exp":1099511627775}"#).expiresAt == 1_099_511_627_775)
    }

    @Test(arguments: ["1", "null", "true", "{}", "[1]", #"["a",null]"#, #"[["a"]]"#])
    func audienceOfTheWrongType(value: String) {
        #expect(throws: JOSEError.claim("aud")) { try claims(#"{"aud":\#(value)}"#) }
    }

    @Test(arguments: [
        "", "[]", "null", "\"sub\"", "{", #"{"sub":"a","sub":"b"}"#, #"{"exp":1}{}"#, "{\"sub\":\"\u{0}\"}",
        #"{"a":[[[[[[[[1]]]]]]]]}"#,
    ]) func malformed(text: String) {
        #expect { try claims(text) } throws: { error in
            if case .malformed = error as? JOSEError { true } else { false }
        }
    }

    @Test func tooLarge() {
        let text = #"{"a":"\#(String(repeating: "x", count: 16_384))"}"#
        #expect(throws: JOSEError.self) { try claims(text) }
    }
}
