import JOSE
import StrictJSON
import Testing

/// Wycheproof's vectors: every valid one of our algorithms is taken, everything else refused.
@Suite struct WycheproofTests {
    /// Figures 20 and 27 of RFC 7520, which the suite holds for valid although the keys beside them are bound to PS256
    /// and to "ES521", the tokens to PS384 and ES512 (RFC 7517 section 4.4).
    private static let keyBoundToAnother: Set<Int64> = [346, 347, 350, 351]

    @Test func jsonWebSignature() throws {
        var (accepted, refused) = (0, 0)
        for group in try groups("json_web_signature_test.json") {
            let key = try #require(group["public"] ?? group["private"])
            let set = try JWKSet(json: ["keys": [key]])
            for vector in try #require(group["tests"]?.array) {
                // A JWS in JSON serialisation is no compact token: handed over as its text.
                let token = vector["jws"]?.string ?? (vector["jws"] ?? .null).encodedString()
                let number = try #require(vector["tcId"]?.int)
                let isExpected =
                    isValid(vector) && isOurs(token) && !Self.keyBoundToAnother.contains(number)
                let error = refusal(token, set)
                #expect((error == nil) == isExpected, "\(number) \(vector["comment"] ?? .null): \(error as Any)")
                if error == nil { accepted += 1 } else { refused += 1 }
                guard Self.keyBoundToAnother.contains(number) else { continue }
                // With a key that is not bound they are right.
                var unbound = try #require(key.object)
                unbound["alg"] = nil
                #expect(refusal(token, try JWKSet(json: ["keys": [.object(unbound)]])) == nil, "\(number)")
            }
        }
        #expect(accepted == 32 && refused == 401 - 32)
    }

    @Test func jsonWebKey() throws {
        var accepted: [Int64] = []
        for group in try groups("json_web_key_test.json") {
            let set = try JWKSet(json: #require(group["public"] ?? group["private"]))
            for vector in try #require(group["tests"]?.array) {
                let token = try #require(vector["jws"]?.string)
                let error = refusal(token, set)
                #expect(
                    (error == nil) == (isValid(vector) && isOurs(token)),
                    "\(vector["tcId"] ?? .null) \(vector["comment"] ?? .null): \(error as Any)")
                if error == nil { accepted.append(try #require(vector["tcId"]?.int)) }
            }
        }
        #expect(accepted == [5])
    }

    /// RSASSA-PKCS1-v1_5 itself. "Acceptable" ones, such as an encoding without its NULL, are refused.
    @Test func rsaSignature() throws {
        var (accepted, refused) = (0, 0)
        for group in try groups("rsa_signature_2048_sha256_test.json") {
            let modulus = try hex(group["publicKey"]?["modulus"])
            let key = try VerificationKey(
                jwk: JWK(
                    material: .rsa(
                        modulus: Array(modulus.drop { $0 == 0 }),
                        exponent: Array(hex(group["publicKey"]?["publicExponent"]).drop { $0 == 0 }))),
                algorithm: .RS256)
            for vector in try #require(group["tests"]?.array) {
                let isAccepted = key.isValid(signature: try hex(vector["sig"]), for: try hex(vector["msg"]))
                #expect(isAccepted == isValid(vector), "\(vector["tcId"] ?? .null) \(vector["comment"] ?? .null)")
                if isAccepted { accepted += 1 } else { refused += 1 }
            }
        }
        #expect(accepted == 9 && refused == 250)
    }

    private func groups(_ name: String) throws -> [JSONValue] {
        try #require(try conformanceFile("wycheproof/" + name)["testGroups"]?.array)
    }

    private func isValid(_ vector: JSONValue) -> Bool { vector["result"]?.string == "valid" }

    private func isOurs(_ token: String) -> Bool {
        guard let header = token.split(separator: ".").first, let bytes = Base64URL.decode(String(header)),
            let algorithm = (try? JSONValue(parsing: bytes))?["alg"]?.string
        else { return false }
        return JWSAlgorithm(rawValue: algorithm) != nil
    }

    private func refusal(_ token: String, _ set: JWKSet) -> JOSEError? {
        do throws(JOSEError) {
            try CompactJWS(parsing: token).verify(with: set)
            return nil
        } catch { return error }
    }

    private func hex(_ value: JSONValue?) throws -> [UInt8] {
        let digits = try Array(#require(value?.string))
        return try stride(from: 0, to: digits.count, by: 2).map {
            try #require(UInt8(String(digits[$0..<min($0 + 2, digits.count)]), radix: 16))
        }
    }
}
