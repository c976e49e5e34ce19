import Contracts

/// What a route asks of its caller. Every route states one; there is no default.
public enum Access: Sendable, Hashable {
    /// Anybody, without a token. A token that comes along is not looked at.
    case `public`
    /// Anybody with a valid token.
    case authenticated
    /// Whoever holds the permission.
    case permission(String)
    /// Whoever holds the permission and proves it afresh: people with a second factor at most five minutes old
    /// (RFC 9470), services with a token bound to their client certificate (RFC 8705).
    case privileged(String)

    /// The permission that is needed, if one is.
    public var permission: String? {
        switch self {
        case .public, .authenticated: nil
        case .permission(let name), .privileged(let name): name
        }
    }

    /// How the route's act weighs when freshness is lost.
    public var risk: RiskClass { permission.map { Permission($0).risk } ?? .neutral }
}

extension Access {
    public static func permission(_ permission: Permission) -> Access { .permission(permission.rawValue) }
    public static func privileged(_ permission: Permission) -> Access { .privileged(permission.rawValue) }
}

/// Whether an identity may do what a route asks for. A function of values: no clock, no I/O.
public struct AccessDecision: Sendable {
    /// Seconds for which a second factor counts as fresh.
    public static let freshness: Int64 = 300
    /// Seconds by which clocks may differ.
    static let leeway: Int64 = 5

    public enum Refusal: Error, Sendable, Hashable {
        case missingPermission(String)
        case staleFactor
        case unboundToken
        case otherCertificate
    }

    /// - Parameters:
    ///   - now: seconds since the epoch.
    ///   - certificate: the thumbprint of the certificate that the caller showed, if any.
    public static func check(
        _ identity: Identity, for access: Access, now: Int64, certificate: String?
    ) throws(Refusal) {
        // RFC 8705 section 3: a bound token counts only on a connection with its certificate.
        if case .certificate(let thumbprint) = identity.confirmation, thumbprint != certificate {
            throw .otherCertificate
        }
        switch access {
        case .public, .authenticated: return
        case .permission(let name):
            guard identity.has(name) else { throw .missingPermission(name) }
        case .privileged(let name):
            guard identity.has(name) else { throw .missingPermission(name) }
            if identity.isService {
                // A key that whoever holds the secret may choose proves nothing more; a certificate comes from elsewhere.
                guard case .certificate = identity.confirmation else { throw .unboundToken }
            } else {
                guard isFresh(identity, now: now) else { throw .staleFactor }
            }
        }
    }

    /// Whether a second factor was shown in the last five minutes.
    public static func isFresh(_ identity: Identity, now: Int64) -> Bool {
        guard let authTime = identity.authTime, identity.amr.contains(where: { $0 == "otp" || $0 == "hwk" }) else {
            return false
        }
        let (age, overflow) = now.subtractingReportingOverflow(authTime)
        return !overflow && age >= -leeway && age <= freshness
    }
}
