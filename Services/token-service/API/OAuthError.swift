import APISecurity
import HTTPTypes
import Hummingbird
import StrictJSON

/// The errors of the OAuth endpoints (RFC 6749 section 5.2, RFC 7009 section 2.2.1, RFC 9449 section 5).
enum OAuthError: Error, Sendable, Equatable {
    case invalidRequest(String)
    case invalidClient
    case invalidGrant(String)
    case unauthorizedClient
    case unsupportedGrantType
    case invalidScope
    /// RFC 7009 section 2.2.1.
    case unsupportedTokenType
    case invalidDPoPProof(String)
    case invalidToken
    case insufficientScope
    /// Seconds after which trying again makes sense.
    case temporarilyUnavailable(retryAfter: Int)

    var code: String {
        switch self {
        case .invalidRequest: "invalid_request"
        case .invalidClient: "invalid_client"
        case .invalidGrant: "invalid_grant"
        case .unauthorizedClient: "unauthorized_client"
        case .unsupportedGrantType: "unsupported_grant_type"
        case .invalidScope: "invalid_scope"
        case .unsupportedTokenType: "unsupported_token_type"
        case .invalidDPoPProof: "invalid_dpop_proof"
        case .invalidToken: "invalid_token"
        case .insufficientScope: "insufficient_scope"
        case .temporarilyUnavailable: "temporarily_unavailable"
        }
    }

    var status: HTTPResponse.Status {
        switch self {
        case .invalidClient, .invalidToken: .unauthorized
        case .insufficientScope: .forbidden
        case .temporarilyUnavailable: .serviceUnavailable
        default: .badRequest
        }
    }

    private var description: String? {
        switch self {
        case .invalidRequest(let text), .invalidGrant(let text), .invalidDPoPProof(let text): text
        default: nil
        }
    }
}

extension OAuthError: NamedRefusal {
    var refusalReason: String { code }
}

extension OAuthError: HTTPResponseError {
    func response(from request: Request, context: some RequestContext) throws -> Response {
        response()
    }

    func response() -> Response {
        var body: JSONObject = ["error": .string(code)]
        body["error_description"] = description.map(JSONValue.string)
        var headers: HTTPFields = [.contentType: "application/json", .cacheControl: "no-store"]
        switch self {
        case .invalidClient: headers[.wwwAuthenticate] = #"Basic realm="token-service""#
        case .invalidToken: headers[.wwwAuthenticate] = #"Bearer error="invalid_token""#
        case .insufficientScope: headers[.wwwAuthenticate] = #"Bearer error="insufficient_scope""#
        case .temporarilyUnavailable(let seconds): headers[.retryAfter] = String(seconds)
        default: break
        }
        let bytes = JSONValue.object(body).encoded()
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
