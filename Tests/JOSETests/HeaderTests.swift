import JOSE
import StrictJSON
import Testing

/// The protected header and the compact form (RFC 7515 sections 4 and 7.1).
@Suite struct HeaderTests {
    private func refusal(_ text: String, maxBytes: Int = 16_384) -> JOSEError? {
        do throws(JOSEError) {
            _ = try CompactJWS(parsing: text, maxBytes: maxBytes)
            return nil
        } catch { return error }
    }

    private func refusal(header: String) throws -> JOSEError? {
        refusal(try token(header: header, with: TestKeys.key(.ES256)))
    }

    @Test func wholeHeader() throws {
        let signed = try token(
            header: #"{"typ":"at+jwt","alg":"ES256","kid":"k1","cty":"json","x":[1]}"#, with: TestKeys.key(.ES256))
        let header = try CompactJWS(parsing: signed).header
        #expect(header.algorithm == .ES256)
        #expect(header.type == "at+jwt" && header.keyID == "k1" && header.contentType == "json" && header.jwk == nil)
        #expect(header.raw["x"] == [1])
    }

    @Test(arguments: [
        "none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "ES256K", "RSA1_5", "Ed25519", "rs256", "RS256 ", "",
        "dir", "A128KW",
    ]) func algorithmRefused(name: String) throws {
        let error = try refusal(header: #"{"alg":"\#(name)"}"#)
        #expect(error == .unsupportedAlgorithm(name))
    }

    /// Public keys as shared secrets, and a token without signature, end at the parser.
    @Test func unsigned() throws {
        let payload = Base64URL.encode(Array("{}".utf8))
        let none = Base64URL.encode(Array(#"{"alg":"none"}"#.utf8))
        let signed = Base64URL.encode(Array(#"{"alg":"ES256"}"#.utf8))
        for text in ["\(none).\(payload).", "\(none).\(payload)", "\(signed).\(payload).", "\(signed).\(payload)"] {
            #expect(refusal(text) != nil, "\(text)")
        }
        #expect(refusal("\(none).\(payload).AA") == .unsupportedAlgorithm("none"))
    }

    /// RFC 7515 section 4.1.11: no extension is understood, so any `crit` refuses, also one of known names.
    @Test(arguments: [
        "[\"exp\"]", "[]", "[\"alg\"]", "[\"b64\"]", "null", "\"exp\"", "[\"http://example.com/UNDEFINED\"]",
    ])
    func critical(value: String) throws {
        #expect(try refusal(header: #"{"alg":"ES256","crit":\#(value),"exp":1}"#) == .criticalHeader("crit"))
    }

    /// RFC 7797: a payload that is not encoded is not read, with `crit` and without.
    @Test(arguments: ["true", "false", "null", "0"]) func unencodedPayload(value: String) throws {
        #expect(try refusal(header: #"{"alg":"ES256","b64":\#(value)}"#) == .criticalHeader("b64"))
        #expect(try refusal(header: #"{"alg":"ES256","b64":\#(value),"crit":["b64"]}"#) == .criticalHeader("crit"))
    }

    @Test(arguments: [
        #"{"alg":"ES256","alg":"ES256"}"#, #"{"alg":"none","alg":"ES256"}"#, #"{"alg":"ES256","kid":"a","kid":"b"}"#,
        #"{"alg":"ES256","\u0061lg":"none"}"#, #"{"alg":"ES256","x":{"a":1,"a":1}}"#,
    ]) func duplicateMembers(header: String) throws {
        let error = try #require(try refusal(header: header))
        #expect(error.description.contains("duplicate key"), "\(error)")
    }

    @Test(arguments: [
        "", "{", "[]", "null", "\"alg\"", "{}", #"{"alg":null}"#, #"{"alg":["ES256"]}"#, #"{"ALG":"ES256"}"#,
        #"{"alg":"ES256"}x"#, #"{"alg":"ES256"}{}"#, "\u{FEFF}{\"alg\":\"ES256\"}", #"{"alg":"ES256","kid":1}"#,
        #"{"alg":"ES256","kid":null}"#, #"{"alg":"ES256","typ":["JWT"]}"#, #"{"alg":"ES256","cty":{}}"#,
        #"{"alg":"ES256","x":[[[[1]]]]}"#, #"{"alg":"ES256","jwk":"key"}"#, #"{"alg":"ES256","jwk":{}}"#,
    ]) func malformed(header: String) throws {
        guard case .malformed = try refusal(header: header) else {
            Issue.record("\(header) gave \(try refusal(header: header) as Any)")
            return
        }
    }

    @Test func sizes() throws {
        let key = try TestKeys.key(.ES256)
        let long = String(repeating: "k", count: 256)
        #expect(try refusal(header: #"{"alg":"ES256","kid":"\#(long)"}"#) == nil)
        for name in ["kid", "typ", "cty"] {
            #expect(try refusal(header: #"{"alg":"ES256","\#(name)":"\#(long)k"}"#) == .malformed(name))
        }
        #expect(try refusal(header: #"{"alg":"ES256","x":"\#(String(repeating: "x", count: 4_096))"}"#) != nil)
        let many = (0..<65).map { #""m\#($0)":0"# }.joined(separator: ",")
        #expect(try refusal(header: #"{"alg":"ES256",\#(many)}"#) != nil)

        let signed = try token(
            header: #"{"alg":"ES256"}"#, payload: String(repeating: " ", count: 1_000), with: key)
        let size = signed.utf8.count
        #expect(refusal(signed, maxBytes: size) == nil)
        #expect(refusal(signed, maxBytes: size - 1) == .malformed("larger than \(size - 1) bytes"))
        let huge = try token(header: #"{"alg":"ES256"}"#, payload: String(repeating: " ", count: 16_384), with: key)
        #expect(refusal(huge) == .malformed("larger than 16384 bytes"))
    }

    @Test func compactForm() throws {
        let key = try TestKeys.key(.ES256)
        let signed = try token(header: #"{"alg":"ES256"}"#, payload: "text", with: key)
        let parts = signed.split(separator: ".").map(String.init)
        let (header, payload, signature) = (parts[0], parts[1], parts[2])
        for text in [
            "", ".", "..", "...", signed + ".", "." + signed, signed + "." + signature, header + "." + payload, header,
            "\(header)..\(payload).\(signature)", ".\(payload).\(signature)", " " + signed, signed + " ", signed + "\n",
            "Bearer " + signed, "\(header)=.\(payload).\(signature)", "\(header).\(payload)=.\(signature)",
            "\(header).\(payload).\(signature)==", "\(header) .\(payload).\(signature)",
            "\(header).\(payload.dropLast())\n.\(signature)", "\(header).\(payload).\(signature)é",
        ] {
            #expect(refusal(text) != nil, "\(text)")
        }
        // The flattened form of RFC 7515 section 7.2.2 is none of ours.
        #expect(
            refusal(#"{"protected":"\#(header)","payload":"\#(payload)","signature":"\#(signature)"}"#) != nil)
    }

    /// RFC 7515 has no least payload; it is the JWT that asks for claims.
    @Test func emptyPayload() throws {
        let key = try TestKeys.key(.EdDSA)
        let jws = try CompactJWS(parsing: token(header: #"{"alg":"EdDSA"}"#, payload: "", with: key))
        try jws.verify(with: VerificationKey(jwk: key.publicJWK))
        #expect(jws.payload.isEmpty)
        #expect(throws: JOSEError.self) { try JWTClaims(payload: jws.payload) }
    }

    // MARK: - A key in the header

    @Test func publicKeyInTheHeader() throws {
        for algorithm in [JWSAlgorithm.RS256, .ES256, .EdDSA] {
            let key = try TestKeys.key(algorithm)
            let signed = try token(
                header: #"{"alg":"\#(algorithm.rawValue)","jwk":\#(key.publicJWK.json().encodedString())}"#, with: key)
            let jws = try CompactJWS(parsing: signed)
            #expect(jws.header.jwk == key.publicJWK)
            // It is not what a set verifies with.
            #expect(throws: JOSEError.unknownKey) { try jws.verify(with: JWKSet(keys: [])) }
        }
    }

    /// RFC 9449 section 4.2: never a private key, and none of its members by itself.
    @Test(arguments: ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]) func privateKeyInTheHeader(member: String) throws {
        for algorithm in [JWSAlgorithm.RS256, .ES256, .EdDSA] {
            let key = try TestKeys.key(algorithm)
            let leaked = try changed(key.publicJWK, [member: "AAAA"]).encodedString()
            let signed = try token(header: #"{"alg":"\#(algorithm.rawValue)","jwk":\#(leaked)}"#, with: key)
            #expect(refusal(signed) == .malformed("jwk holds a private key"))
        }
    }

    @Test func symmetricKeyInTheHeader() throws {
        #expect(try refusal(header: #"{"alg":"ES256","jwk":{"kty":"oct"}}"#) == .unsupportedAlgorithm("symmetric key"))
    }
}
