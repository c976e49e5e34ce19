import APISecurity
import Foundation
import JOSE

/// What a client shows to prove who it is (RFC 6749 section 2.3, RFC 7523 section 2.2).
enum ClientCredentials: Sendable, Equatable {
    case secret(clientID: String, secret: String)
    case assertion(String, clientID: String?)

    static let assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

    enum Fault: Error, Sendable, Equatable {
        /// More than one method, or a half of one.
        case ambiguous
        case malformed
        case missing
    }

    /// - Parameter parameter: the value of a form parameter.
    static func read(
        authorization: String?, parameter: (String) -> String?
    ) throws(Fault) -> ClientCredentials {
        let basic = authorization.flatMap(basicCredentials)
        let isBasic = authorization.map(isBasicScheme) ?? false
        let secret = parameter("client_secret")
        let assertion = parameter("client_assertion")
        let methods = (isBasic ? 1 : 0) + (secret == nil ? 0 : 1) + (assertion == nil ? 0 : 1)
        guard methods > 0 else { throw .missing }
        guard methods == 1 else { throw .ambiguous }
        let named = parameter("client_id")
        if isBasic {
            guard let basic else { throw .malformed }
            guard named == nil || named == basic.id else { throw .ambiguous }
            return .secret(clientID: basic.id, secret: basic.secret)
        }
        if let secret {
            guard let named else { throw .malformed }
            return .secret(clientID: named, secret: secret)
        }
        guard let assertion, parameter("client_assertion_type") == assertionType else { throw .malformed }
        return .assertion(assertion, clientID: named)
    }

    /// Compared without case (RFC 9110 section 11.1).
    static func isBasicScheme(_ header: String) -> Bool {
        let scheme = header.utf8.prefix(6)
        return scheme.count == 6 && zip(scheme, "basic ".utf8).allSatisfy { $0 | 0x20 == $1 }
    }

    /// RFC 7617; id and secret were form-encoded first (RFC 6749 section 2.3.1).
    private static func basicCredentials(_ header: String) -> (id: String, secret: String)? {
        guard isBasicScheme(header), header.utf8.count <= 1_024,
            let data = Data(base64Encoded: String(header.utf8.dropFirst(6).drop { $0 == 0x20 }) ?? "")
        else { return nil }
        let bytes = [UInt8](data)
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
            let id = PercentCoding.decode(bytes[..<colon], plusIsSpace: true),
            let secret = PercentCoding.decode(bytes[(colon + 1)...], plusIsSpace: true)
        else { return nil }
        return (id, secret)
    }
}

/// Checks what an assertion claims (RFC 7523 section 3); its signature is checked before.
enum ClientAssertion {
    /// Seconds: an assertion is made for one request, but common libraries date them an hour ahead (Authlib). Each
    /// counts once all the same, as its `jti` is kept for as long as it would be accepted.
    static let longestLife: Int64 = 3_600

    /// Seconds by which clocks may differ.
    static let leeway: Int64 = 5

    struct Accepted: Sendable, Equatable {
        let clientID: String
        let tokenID: String
        /// Seconds since the epoch.
        let expiresAt: Int64
    }

    static func check(
        _ claims: JWTClaims, audience: [String], now: Int64
    ) throws(JOSEError) -> Accepted {
        guard let issuer = claims.issuer, issuer == claims.subject else { throw .claim("sub") }
        guard claims.audience.contains(where: audience.contains) else { throw .claim("aud") }
        try claims.validate(issuer: issuer, audience: nil, now: now)
        guard let expiresAt = claims.expiresAt, expiresAt <= now + longestLife + leeway else { throw .claim("exp") }
        guard let tokenID = claims.tokenID, (1...256).contains(tokenID.utf8.count) else { throw .claim("jti") }
        return Accepted(clientID: issuer, tokenID: tokenID, expiresAt: expiresAt)
    }
}
