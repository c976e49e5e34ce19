import Crypto
import CryptoExtras
import Foundation
import JOSE
import SecurityClient
import StrictJSON

/// What a trading service does with a token in its own process: a new one against the bare RSA verification of the same
/// library, one seen before, and the same with jwt-kit where both can do it.
enum VerifierBench {
    private static let count = 1_500

    static func run(_ report: inout Report) async throws {
        let key = try SigningKey.generate(.RS256)
        let tokens = try (0..<count).map { try JWT.sign(payload: payload($0), with: key, type: "at+jwt") }
        let bare = try BareRSA(key)

        var new: [Double] = []
        var limit: [Double] = []
        var cached: [Double] = []
        var awaited: [Double] = []
        for round in 0..<6 {
            let plain = try bare.cpuPerVerification(count: count)
            let verifier = makeVerifier(key)
            let first = try await cpu(over: tokens, verifier)
            // All of them are known now.
            let hot = tokens.prefix(256)
            var accepted = 0
            let hit = cpuPerCall(400) { for token in hot where verifier.verifyCached(token) != nil { accepted += 1 } }
            guard accepted == 400 * hot.count else { throw Failure(what: "a token seen before was not found") }
            let again = try await cpu(over: Array(repeatElement(hot, count: 40).joined()), verifier)
            guard round > 0 else { continue }
            limit.append(plain * 1e6)
            new.append(first * 1e6)
            cached.append(hit / Double(hot.count) * 1e6)
            awaited.append(again * 1e6)
        }
        report.add("TokenVerifier: new token against bare RSA", "µs", new, limit: limit, goal: 1.25)
        report.add("TokenVerifier: token seen before", "µs", cached, goal: 0.5)
        report.add("TokenVerifier: token seen before, through async verify", "µs", awaited)
        try await JWTKitBench.run(&report, key: key, tokens: tokens, ours: new)
    }

    private static func makeVerifier(_ key: SigningKey) -> TokenVerifier {
        TokenVerifier(
            TokenVerifier.Options(issuer: "https://issuer.example", audience: "jts", cacheCapacity: 4_096),
            keys: LocalJWKS { [key.publicJWK] }, revocations: RevocationSet())
    }

    private static func cpu(over tokens: [String], _ verifier: TokenVerifier) async throws -> Double {
        // Nothing here suspends, so that one thread does all of it.
        let start = CPUTime.ofThread()
        for token in tokens { _ = try await verifier.verify(token) }
        return (CPUTime.ofThread() - start) / Double(tokens.count)
    }

    /// About a kilobyte as a token, as token-service makes them.
    static func payload(_ number: Int) -> [UInt8] {
        let now = Int64(Date().timeIntervalSince1970)
        let permissions: JSONValue = [
            "account:self", "killswitch:use", "orders:cancel", "orders:modify", "orders:place", "orders:view",
            "positions:flatten", "positions:view", "risk:view", "strategies:view",
        ]
        let claims: JSONValue = [
            "iss": "https://issuer.example", "sub": "usr_0123456789abcdefghijkl", "aud": "jts",
            "exp": .int(now + 900), "iat": .int(now), "nbf": .int(now), "iat_ms": .int(now * 1000),
            "jti": .string("token-\(number)"), "client_id": "jts",
            "scope": "account:self killswitch:use orders:cancel orders:modify orders:place orders:view positions:view",
            "auth_time": .int(now), "amr": ["pwd", "otp", "mfa"], "acr": "urn:jts:acr:2",
            "sid": "3fAbCdEfGhIjKlMnOpQrStUv", "device_id": "desk-7", "roles": ["trader"],
            "permissions": permissions, "email": "trader@example.org",
        ]
        return claims.encoded()
    }
}

/// The verification alone, with the key parsed and the hash computed: the limit.
struct BareRSA {
    private let key: _RSA.Signing.PublicKey
    private let message: [UInt8]
    private let signature: _RSA.Signing.RSASignature

    init(_ key: SigningKey) throws {
        let der = try key.pkcs8DER()
        self.key = try _RSA.Signing.PrivateKey(derRepresentation: der).publicKey
        let token = try JWT.sign(payload: VerifierBench.payload(0), with: key, type: "at+jwt")
        let parts = token.split(separator: ".")
        message = Array(parts[..<2].joined(separator: ".").utf8)
        guard parts.count == 3, let bytes = Base64URL.decode(String(parts[2])) else {
            throw Failure(what: "the token has no signature")
        }
        signature = _RSA.Signing.RSASignature(rawRepresentation: bytes)
    }

    /// CPU seconds.
    func cpuPerVerification(count: Int) throws -> Double {
        var valid = 0
        let cpu = cpuPerCall(count) {
            if key.isValidSignature(signature, for: SHA256.hash(data: message), padding: .insecurePKCS1v1_5) {
                valid += 1
            }
        }
        guard valid == count else { throw Failure(what: "the bare verification fails") }
        return cpu
    }
}
