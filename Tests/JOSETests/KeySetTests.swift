import JOSE
import StrictJSON
import Testing

/// JWK Sets (RFC 7517 section 5) and the choice of a key by `kid`.
@Suite struct KeySetTests {
    private func key(_ algorithm: JWSAlgorithm, _ keyID: String?) throws -> JWK {
        var jwk = try TestKeys.key(algorithm).publicJWK
        jwk.keyID = keyID
        return jwk
    }

    @Test func whatIsNotUnderstoodIsPassedOver() throws {
        let good = try key(.ES256, "good")
        let set = try JWKSet(json: [
            "keys": [
                ["kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"], ["kty": "oct", "k": "AAAA"], ["kty": 5], "text", nil,
                ["kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"], ["kty": "OKP", "crv": "Ed448", "x": "AA"],
                ["kty": "RSA", "n": "AQAB", "e": "AQAB", "alg": "RSA-OAEP"], good.json(),
            ], "other": ["member": true],
        ])
        #expect(set.keys == [good])
    }

    @Test(arguments: ["", "{", "[]", "null", "{}", #"{"keys":{}}"#, #"{"keys":null}"#, #"{"keys":[],"keys":[]}"#, "é"])
    func refused(text: String) {
        #expect(throws: JOSEError.self) { try JWKSet(parsing: Array(text.utf8)) }
    }

    @Test func emptySet() throws {
        let set = try JWKSet(parsing: Array(#"{"keys":[]}"#.utf8))
        #expect(set.keys.isEmpty && set["any"] == nil)
        let signed = try token(header: #"{"alg":"ES256"}"#, with: TestKeys.key(.ES256))
        #expect(throws: JOSEError.unknownKey) { try CompactJWS(parsing: signed).verify(with: set) }
    }

    @Test func comesBackThroughJSON() throws {
        let set = JWKSet(keys: try JWSAlgorithm.allCases.map { try key($0, $0.rawValue) })
        #expect(try JWKSet(parsing: set.json().encoded()) == set)
    }

    @Test func chosenByKeyID() throws {
        let set = JWKSet(keys: [try key(.RS256, "one"), try key(.ES256, "two"), try key(.EdDSA, nil)])
        for (algorithm, keyID) in [(JWSAlgorithm.RS256, "one"), (.ES256, "two")] {
            let signed = try token(
                header: #"{"alg":"\#(algorithm.rawValue)","kid":"\#(keyID)"}"#, with: TestKeys.key(algorithm))
            try CompactJWS(parsing: signed).verify(with: set)
        }
        // The id of another key, an unknown one, and none where the set has several.
        for (member, error) in [
            (#","kid":"two""#, JOSEError.keyUseRefused("alg")), (#","kid":"three""#, .unknownKey),
            (#","kid":"""#, .unknownKey),
            (#","kid":"ONE""#, .unknownKey), (#","kid":"one ""#, .unknownKey), ("", .unknownKey),
        ] {
            let signed = try token(header: #"{"alg":"RS256"\#(member)}"#, with: TestKeys.key(.RS256))
            #expect(throws: error) { try CompactJWS(parsing: signed).verify(with: set) }
        }
    }

    @Test func onlyKeyNeedsNoKeyID() throws {
        let signed = try token(header: #"{"alg":"ES384"}"#, with: TestKeys.key(.ES384))
        for keyID in [nil, "some"] {
            try CompactJWS(parsing: signed).verify(with: JWKSet(keys: [try key(.ES384, keyID)]))
        }
        #expect(throws: JOSEError.keyUseRefused("alg")) {
            try CompactJWS(parsing: signed).verify(with: JWKSet(keys: [try key(.ES256, nil)]))
        }
    }

    @Test func ambiguousKeyIDIsNone() throws {
        let set = JWKSet(keys: [try key(.RS256, "same"), try key(.ES256, "same")])
        #expect(set["same"] == nil)
        let signed = try token(header: #"{"alg":"RS256","kid":"same"}"#, with: TestKeys.key(.RS256))
        #expect(throws: JOSEError.unknownKey) { try CompactJWS(parsing: signed).verify(with: set) }
    }

    /// Two spellings of é are two ids: ids are compared byte for byte (RFC 7517 section 4.5).
    @Test func keyIDsAreBytes() throws {
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        let set = JWKSet(keys: [try key(.ES256, composed)])
        #expect(set[composed] != nil && set[decomposed] == nil)
        let both = JWKSet(keys: [try key(.ES256, composed), try key(.EdDSA, decomposed)])
        #expect(both[composed]?.algorithm == .ES256 && both[decomposed]?.algorithm == .EdDSA)
    }
}
