import Crypto
import Foundation
import JOSE
import StrictJSON

/// A proof that the sender of a request holds a key (RFC 9449 section 4.2), checked as section 4.3 asks. That it was not
/// used before is for the caller to see to (section 11.1), by `thumbprint` and `tokenID`.
public struct DPoPProof: Sendable, Hashable {
    /// Of the key: what `cnf.jkt` of a bound token is compared with (RFC 7638).
    public let thumbprint: String
    /// `jti`.
    public let tokenID: String
    /// `iat`, seconds since the epoch.
    public let issuedAt: Int64

    /// Seconds for which a proof is taken after it was made.
    public static let maxAge: Int64 = 60
    /// Seconds by which its maker's clock may be ahead.
    public static let leeway: Int64 = 5
    /// Seconds for which a proof may be accepted, and has to be remembered.
    public static let acceptableFor: Int64 = maxAge + leeway
    /// What proofs may be signed with; the challenge names the same.
    public static let algorithms: Set<JWSAlgorithm> = [.ES256, .ES384, .ES512, .EdDSA, .RS256, .PS256]
    static let maxBytes = 8_192
    static let maxTokenIDBytes = 256

    /// Why a proof was refused. Texts may be shown to the caller.
    public enum Fault: Error, Sendable, Hashable, CustomStringConvertible {
        case malformed
        case wrongType
        case algorithm
        case key
        case signature
        /// A claim is missing, of the wrong type, or does not fit the request; named.
        case claim(String)
        /// Older than a minute, or from the future.
        case time

        public var description: String {
            switch self {
            case .malformed: "the proof is malformed"
            case .wrongType: "the proof's typ is not dpop+jwt"
            case .algorithm: "the proof's algorithm is not taken"
            case .key: "the proof's key is not taken"
            case .signature: "the proof's signature does not fit"
            case .claim(let name): "the proof's claim \(name) does not fit"
            case .time: "the proof's iat is not of the last minute"
            }
        }
    }

    /// - Parameters:
    ///   - proof: the value of the one `DPoP` header.
    ///   - method: of the request, such as `POST`.
    ///   - url: of the request as its sender sees it; query and fragment are ignored.
    ///   - accessToken: that comes with the request; nil where a token is asked for.
    ///   - now: seconds since the epoch.
    public static func validate(
        _ proof: String, method: String, url: String, accessToken: String?, now: Int64
    ) throws(Fault) -> DPoPProof {
        let jws: CompactJWS
        do throws(JOSEError) {
            jws = try CompactJWS(parsing: proof, maxBytes: maxBytes)
        } catch {
            switch error {
            case .unsupportedAlgorithm: throw .algorithm
            case .weakKey, .keyUseRefused: throw .key
            default: throw .malformed
            }
        }
        guard jws.header.type?.lowercased() == "dpop+jwt" else { throw .wrongType }
        guard algorithms.contains(jws.header.algorithm) else { throw .algorithm }
        // The header's reader refuses keys that are more than public.
        guard let jwk = jws.header.jwk else { throw .key }
        let key: VerificationKey
        do { key = try VerificationKey(jwk: jwk, algorithm: jws.header.algorithm) } catch { throw .key }
        do { try jws.verify(with: key) } catch { throw .signature }
        return try check(jws.payload, jwk, method, url, accessToken, now)
    }

    private static func check(
        _ payload: [UInt8], _ jwk: JWK, _ method: String, _ url: String, _ accessToken: String?, _ now: Int64
    ) throws(Fault) -> DPoPProof {
        let limits = JSONLimits(maxBytes: maxBytes, maxDepth: 4, maxMembers: 64)
        guard let claims = try? JSONValue(parsing: payload, limits: limits), claims.object != nil else {
            throw .malformed
        }
        guard let tokenID = claims["jti"]?.string, (1...maxTokenIDBytes).contains(tokenID.utf8.count) else {
            throw .claim("jti")
        }
        guard let stated = claims["htm"]?.string, stated.sameBytes(as: method) else { throw .claim("htm") }
        guard let target = claims["htu"]?.string, let normal = HTTPURI.normalised(target),
            normal == HTTPURI.normalised(url)
        else { throw .claim("htu") }
        guard let issuedAt = date(claims["iat"]) else { throw .claim("iat") }
        guard issuedAt >= now - maxAge, issuedAt <= now + leeway else { throw .time }
        if let accessToken {
            let digest = Base64URL.encode(Array(SHA256.hash(data: Data(accessToken.utf8))))
            guard let stated = claims["ath"]?.string, stated.sameBytes(as: digest) else { throw .claim("ath") }
        }
        return DPoPProof(thumbprint: jwk.thumbprint(), tokenID: tokenID, issuedAt: issuedAt)
    }

    private static func date(_ value: JSONValue?) -> Int64? {
        switch value {
        case .int(let seconds)? where seconds >= 0 && seconds < 1 << 40: seconds
        case .double(let seconds)? where seconds >= 0 && seconds < 0x1p40: Int64(seconds)
        default: nil
        }
    }
}
