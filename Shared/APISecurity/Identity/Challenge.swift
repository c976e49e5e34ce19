import HTTPTypes
import Hummingbird

/// Turns refusals into answers with the challenges of RFC 6750, RFC 9449 and RFC 9470.
package enum Challenge {
    /// What proofs may be signed with (RFC 9449 section 7.1).
    private static let algorithms = "ES256 ES384 ES512 EdDSA RS256 PS256"
    private static let proof = HTTPField(name: .wwwAuthenticate, value: "DPoP algs=\"\(algorithms)\"")

    /// Both schemes, without an error. RFC 6750 section 3 wants one parameter at least.
    static let plain: HTTPFields = {
        var fields = HTTPFields()
        fields.append(HTTPField(name: .wwwAuthenticate, value: #"Bearer realm="jts""#))
        fields.append(proof)
        return fields
    }()

    /// - Parameter scheme: how the token was presented.
    package static func problem(
        _ error: AuthenticationError, to scheme: AuthorizationCredentials.Scheme = .bearer
    ) -> Problem {
        switch error {
        case .missingCredentials:
            Problem(
                status: .unauthorized, type: "authentication-required", title: "An access token is needed",
                headers: plain)
        case .invalidRequest(let detail):
            Problem(
                status: .badRequest, type: "invalid-authorization", title: "The authorization is malformed",
                detail: detail, headers: challenge(scheme, "invalid_request", detail))
        case .invalidToken(let detail):
            Problem(
                status: .unauthorized, type: "invalid-token", title: "The access token is not accepted",
                detail: detail, headers: challenge(scheme, "invalid_token", detail))
        case .invalidDPoPProof(let detail):
            Problem(
                status: .unauthorized, type: "invalid-dpop-proof", title: "The DPoP proof is not accepted",
                detail: detail, headers: challenge(.dpop, "invalid_dpop_proof", detail))
        case .unavailable(let detail, let seconds):
            Problem.unavailable(detail: detail, retryAfter: seconds)
        }
    }

    package static func problem(
        _ refusal: AccessDecision.Refusal, to scheme: AuthorizationCredentials.Scheme = .bearer
    ) -> Problem {
        switch refusal {
        case .missingPermission(let name):
            Problem(
                status: .forbidden, type: "permission-denied", title: "The permission is missing",
                detail: "\(name) is needed.",
                headers: challenge(scheme, "insufficient_scope", "\(name) is needed", extra: ["scope": name]))
        case .staleFactor:
            // RFC 9470 section 3.
            Problem(
                status: .unauthorized, type: "step-up-required", title: "A fresh second factor is needed",
                detail: "Step up, then ask again within \(AccessDecision.freshness) seconds.",
                headers: challenge(
                    scheme, "insufficient_user_authentication", "a fresh second factor is needed",
                    extra: ["acr_values": "urn:jts:acr:2", "max_age": String(AccessDecision.freshness)]))
        case .unboundToken:
            Problem(
                status: .forbidden, type: "bound-token-required",
                title: "Services need a token that is bound to their certificate",
                headers: challenge(scheme, "insufficient_scope", "a token bound to a client certificate is needed"))
        case .otherCertificate:
            Problem(
                status: .unauthorized, type: "invalid-token", title: "The access token is not accepted",
                detail: "It is bound to another certificate.",
                headers: challenge(scheme, "invalid_token", "bound to another certificate"))
        }
    }

    /// One challenge of the scheme that was used. Those of DPoP name the algorithms (RFC 9449 section 7.1), and a token
    /// that is not accepted as a bearer is told of the other scheme (section 7.2).
    private static func challenge(
        _ scheme: AuthorizationCredentials.Scheme, _ error: String, _ description: String,
        extra: KeyValuePairs<String, String> = [:]
    ) -> HTTPFields {
        var value = scheme == .dpop ? "DPoP" : "Bearer"
        value += " error=\"\(error)\", error_description=\"\(quotable(description))\""
        for (name, text) in extra { value += ", \(name)=\"\(quotable(text))\"" }
        if scheme == .dpop { value += ", algs=\"\(algorithms)\"" }
        var fields: HTTPFields = [.wwwAuthenticate: value]
        if scheme == .bearer, error == "invalid_token" { fields.append(proof) }
        return fields
    }

    /// RFC 6750 section 3: neither quotes, backslashes nor control characters.
    private static func quotable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    let fits = (0x20...0x7E).contains(scalar.value) && scalar != "\"" && scalar != "\\"
                    return fits ? scalar : "'"
                }))
    }
}
