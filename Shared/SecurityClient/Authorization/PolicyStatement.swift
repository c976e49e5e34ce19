import Crypto
import JOSE
import StrictJSON

/// What policy-service signs: that a body of so many bytes is what stands under a number. The body travels beside it.
///
/// A compact JWS (RFC 7515) whose `typ` tells what the body is; taken only with the right signature, type, issuer and digest.
package struct PolicyStatement: Sendable, Hashable {
    package enum Kind: String, Sendable {
        case policies = "jts-policies+jws"
        case entities = "jts-entities+jws"
        case delta = "jts-entities-delta+jws"
        case roles = "jts-roles+jws"
        /// Policies that are evaluated beside and decide nothing.
        case shadow = "jts-shadow+jws"
    }

    package enum Fault: Error, Sendable, Hashable {
        /// The signature, or what is said of the body, is not right.
        case untrusted(String)
        /// The key that signed is not known.
        case unknownKey(String)
    }

    package let kind: Kind
    package let issuer: String
    /// Rises by one with every change; a lower one than was seen before is an attempt to bring something old back.
    package let sequence: Int64
    /// The version of the policies.
    package var version: Int64?
    /// The number of what a delta changes; of roles: what the caller had, nil where the body is the whole.
    package var from: Int64?
    /// Seconds since the epoch.
    package let issuedAt: Int64
    /// SHA-256 of the body, in hex.
    package let digest: String

    package init(
        _ kind: Kind, issuer: String, sequence: Int64, version: Int64? = nil, from: Int64? = nil, issuedAt: Int64,
        digest: String
    ) {
        self.kind = kind
        self.issuer = issuer
        self.sequence = sequence
        self.version = version
        self.from = from
        self.issuedAt = issuedAt
        self.digest = digest
    }

    package static func digest(of body: [UInt8]) -> String { SHA256.hash(data: body).hex }

    package func signed(with key: SigningKey) throws(JOSEError) -> String {
        var claims: JSONObject = [
            "iss": .string(issuer), "sequence": .int(sequence), "iat": .int(issuedAt), "sha256": .string(digest),
        ]
        claims["version"] = version.map { .int($0) }
        claims["from"] = from.map { .int($0) }
        return try JWT.sign(payload: .object(claims), with: key, type: kind.rawValue)
    }

    /// The key that is said to have signed.
    package static func keyID(of text: String) -> (id: String, algorithm: JWSAlgorithm)? {
        guard let jws = try? CompactJWS(parsing: text, maxBytes: 4_096), let id = jws.header.keyID else { return nil }
        return (id, jws.header.algorithm)
    }

    /// The digest of the body that it is said to speak of, whoever says so.
    static func claimedDigest(of text: String) -> String? {
        guard let jws = try? CompactJWS(parsing: text, maxBytes: 4_096),
            let claims = try? JSONValue(parsing: jws.payload, limits: JSONLimits(maxBytes: 4_096, maxDepth: 2))
        else { return nil }
        return claims["sha256"]?.string
    }

    /// Verifies a statement.
    /// - Parameter key: the key of the id that the statement names.
    package init(
        verifying text: String, kind: Kind, issuer: String, key: (String, JWSAlgorithm) -> VerificationKey?
    ) throws(Fault) {
        do {
            let jws = try CompactJWS(parsing: text, maxBytes: 4_096)
            guard let id = jws.header.keyID else { throw Fault.untrusted("the statement names no key") }
            guard let key = key(id, jws.header.algorithm) else { throw Fault.unknownKey(id) }
            try jws.verify(with: key)
            guard jws.header.type == kind.rawValue else { throw Fault.untrusted("typ is not \(kind.rawValue)") }
            let claims = try JSONValue(parsing: jws.payload, limits: JSONLimits(maxBytes: 4_096, maxDepth: 2))
            guard claims["iss"]?.string == issuer else { throw Fault.untrusted("another issuer") }
            guard let sequence = claims["sequence"]?.int, let issuedAt = claims["iat"]?.int,
                let digest = claims["sha256"]?.string, sequence >= 0
            else { throw Fault.untrusted("a claim is missing") }
            self.init(
                kind, issuer: issuer, sequence: sequence, version: claims["version"]?.int, from: claims["from"]?.int,
                issuedAt: issuedAt, digest: digest)
        } catch let fault as Fault { throw fault } catch { throw .untrusted("\(error)") }
    }

    /// - Throws: when the body is not the one that was signed.
    package func check(_ body: [UInt8]) throws(Fault) {
        guard PolicyStatement.digest(of: body) == digest else { throw .untrusted("the body is not what was signed") }
    }
}
