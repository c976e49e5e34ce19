import APISecurity
import HTTPTypes
import Hummingbird
import StrictJSON

/// What clients discover: `/.well-known/oauth-authorization-server` (RFC 8414) and `/.well-known/jwks.json` (RFC 7517).
struct MetadataAPI: Sendable {
    let issuer: String
    let ring: KeyRing
    /// Seconds for which caches may keep the keys.
    let maxAge: Int
    /// As roles permit now.
    let scopes: @Sendable () -> [String]
    /// Tokens are bound to certificates that clients show (RFC 8705).
    let takesClientCertificates: Bool

    func register(on router: SecureRouter) {
        router.get("/.well-known/oauth-authorization-server", .public) { _, _ in
            Response(
                status: .ok,
                headers: [.contentType: "application/json", .cacheControl: "public, max-age=300"],
                body: .init(byteBuffer: ByteBuffer(bytes: document.encoded())))
        }
        router.get("/.well-known/jwks.json", .public, use: keys)
    }

    @Sendable func keys(_ request: Request, _ context: APIContext) async throws -> Response {
        let document = ring.document
        let headers: HTTPFields = [
            .contentType: "application/jwk-set+json", .cacheControl: "public, max-age=\(maxAge), must-revalidate",
            .eTag: document.etag,
        ]
        if let known = request.headers[.ifNoneMatch], MetadataAPI.matches(known, document.etag) {
            return Response(status: .notModified, headers: headers)
        }
        return Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: document.bytes)))
    }

    /// `If-None-Match` compares weakly, RFC 9110 section 13.1.2.
    static func matches(_ header: String, _ etag: String) -> Bool {
        header.split(separator: ",").contains { candidate in
            let tag = candidate.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
            let text = String(tag)
            return text == "*" || text == etag || text == "W/\(etag)"
        }
    }

    private var document: JSONValue {
        let authentication: JSONValue = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
        let algorithms: JSONValue = ["RS256", "PS256", "ES256", "EdDSA"]
        return [
            "issuer": .string(issuer),
            "token_endpoint": .string(issuer + "/oauth2/token"),
            "jwks_uri": .string(issuer + "/.well-known/jwks.json"),
            "introspection_endpoint": .string(issuer + "/oauth2/introspect"),
            "revocation_endpoint": .string(issuer + "/oauth2/revoke"),
            "scopes_supported": .array(scopes().map(JSONValue.string)),
            // No authorization endpoint: signing in is an API of its own until the code flow comes. The member is required
            // (section 2) and must not be empty (section 3.2), and clients insist on both.
            "response_types_supported": ["none"],
            "grant_types_supported": ["refresh_token", "client_credentials"],
            "token_endpoint_auth_methods_supported": [
                "none", "client_secret_basic", "client_secret_post", "private_key_jwt",
            ],
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
            "introspection_endpoint_auth_methods_supported": authentication,
            "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
            "revocation_endpoint_auth_methods_supported": authentication,
            "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
            "dpop_signing_alg_values_supported": ["ES256", "ES384", "ES512", "EdDSA", "RS256", "PS256"],
            "tls_client_certificate_bound_access_tokens": .bool(takesClientCertificates),
        ]
    }
}
