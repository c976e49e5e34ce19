import HTTPTypes
import Hummingbird

/// Finds out who makes a request.
///
/// What the route needs stands in `context.route`, so that an authenticator that cannot tell whether a token was
/// revoked may decide by the risk of the act (`context.route?.access.risk`). An authenticator checks proof of
/// possession itself before it returns an identity with a `confirmation`.
public protocol Authenticator: Sendable {
    func authenticate(_ request: Request, _ context: APIContext) async throws(AuthenticationError) -> Identity
}

/// An authenticator that knows many callers without waiting for anything, as hot routes need it.
package protocol ImmediateAuthenticator: Authenticator {
    /// Who makes a request; nil leaves it to `authenticate`, which finds out or refuses.
    /// - Parameters:
    ///   - authorization: the only `Authorization` header of the request.
    ///   - certificate: `x5t#S256` of the certificate that the client showed; asked only when the token is bound to one.
    func identityAtHand(authorization: String, certificate: () -> String?) -> Identity?
}

/// Why a caller is not known. The texts are shown to the caller: nothing internal, nothing of the token.
public enum AuthenticationError: Error, Sendable, Hashable {
    /// No credentials: the challenge carries no error code (RFC 6750 section 3.1).
    case missingCredentials
    /// Two credentials, or malformed ones.
    case invalidRequest(String)
    /// Expired, revoked, malformed, or of somebody else's making.
    case invalidToken(String)
    /// The DPoP proof does not fit (RFC 9449 section 7.1).
    case invalidDPoPProof(String)
    /// It cannot be found out at the moment. Seconds after which asking again makes sense.
    case unavailable(String, retryAfter: Int)
}

/// The token of a request and how it was presented.
public struct AuthorizationCredentials: Sendable {
    public enum Scheme: Sendable, Hashable {
        case bearer
        case dpop
    }

    public var scheme: Scheme
    public var token: String

    /// Reads `Authorization`, which is the only place where a token is looked for (RFC 6750 section 2.1).
    public init(_ request: Request) throws(AuthenticationError) {
        var found: String?
        for field in request.headers where field.name == .authorization {
            guard found == nil else { throw .invalidRequest("more than one Authorization header") }
            found = field.value
        }
        guard let found else { throw .missingCredentials }
        try self.init(header: found)
    }

    /// Schemes are compared without case (RFC 9110 section 11.1).
    public init(header: String) throws(AuthenticationError) {
        let text = header.utf8
        guard let space = text.firstIndex(of: UInt8(ascii: " ")) else { throw .missingCredentials }
        let name = text[..<space]
        if AuthorizationCredentials.matches(name, "bearer") {
            scheme = .bearer
        } else if AuthorizationCredentials.matches(name, "dpop") {
            scheme = .dpop
        } else {
            throw .missingCredentials
        }
        var rest = text[space...]
        while rest.first == UInt8(ascii: " ") { rest = rest.dropFirst() }
        // b64token of RFC 6750 section 2.1: padding stands at the end.
        var unpadded = rest
        while unpadded.last == UInt8(ascii: "=") { unpadded = unpadded.dropLast() }
        guard !unpadded.isEmpty, unpadded.allSatisfy(AuthorizationCredentials.isTokenByte) else {
            throw .invalidRequest("the token is malformed")
        }
        guard let token = String(rest) else { throw .invalidRequest("the token is malformed") }
        self.token = token
    }

    /// How a request that was refused presented its token, for the challenge: bearer unless it said `DPoP`.
    static func scheme(of request: Request) -> Scheme {
        let name = request.headers[values: .authorization].first?.utf8.prefix { $0 != UInt8(ascii: " ") }
        return name.map { matches($0, "dpop") } == true ? .dpop : .bearer
    }

    private static func matches(_ text: Substring.UTF8View, _ lowercase: String) -> Bool {
        text.count == lowercase.utf8.count && zip(text, lowercase.utf8).allSatisfy { $0 | 0x20 == $1 }
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "+"),
            UInt8(ascii: "/"):
            true
        default: false
        }
    }
}
