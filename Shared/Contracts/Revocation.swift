import StrictJSON

/// What stopped being valid, as told on `security.session-revoked`.
///
/// The data of the event follows OpenID CAEP (`session-revoked`, `token-claims-change`): `event_timestamp` in seconds,
/// `reason_admin`, `initiating_entity`; the subject is named in the form of RFC 9493 (Subject Identifiers).
public struct Revocation: Sendable, Hashable {
    /// What happens to a subject's tokens that were issued up to an instant.
    public enum SubjectEffect: String, Sendable, Hashable {
        /// Disabled, password changed: the sessions end too.
        case sessionsEnded = "sessions-ended"
        /// Roles or permissions taken away: the client refreshes and goes on (CAEP `token-claims-change`).
        case claimsChanged = "claims-changed"
    }

    public enum Target: Sendable, Hashable {
        case session(id: String, subject: String)
        /// Tokens of `subject` issued at or before `before` (milliseconds since the epoch) are void.
        case subject(id: String, before: Int64, effect: SubjectEffect)
        /// Every token signed with the key is void.
        case signingKey(id: String)
    }

    public var target: Target
    /// Why, as a short code: `logout`, `admin`, `refresh_reuse`, `disabled`, `password_changed`, `roles_removed`, `key_compromised`.
    public var reason: String
    /// When it was decided, milliseconds since the epoch.
    public var at: Int64

    public init(target: Target, reason: String, at: Int64) {
        self.target = target
        self.reason = reason
        self.at = at
    }
}

extension Revocation {
    /// `ce_type` of the event that tells of this revocation.
    public var eventType: String {
        switch target {
        case .session, .subject(_, _, .sessionsEnded): "org.jts.security.session-revoked"
        case .subject(_, _, .claimsChanged): "org.jts.security.token-claims-change"
        case .signingKey: "org.jts.security.signing-key-revoked"
        }
    }

    /// The Kafka key: revocations of one session, subject or key stay in order.
    public var key: String {
        switch target {
        case .session(let id, _): id
        case .subject(let id, _, _): id
        case .signingKey(let id): id
        }
    }

    public func json() -> JSONValue {
        var object: JSONObject = [
            "event_timestamp": .int(at / 1000), "event_timestamp_ms": .int(at), "reason_admin": .string(reason),
        ]
        switch target {
        case .session(let id, let subject):
            object["subject"] = [
                "format": "complex",
                "session": ["format": "opaque", "id": .string(id)],
                "user": ["format": "opaque", "id": .string(subject)],
            ]
        case .subject(let id, let before, let effect):
            object["subject"] = ["format": "complex", "user": ["format": "opaque", "id": .string(id)]]
            object["void_before_ms"] = .int(before)
            object["effect"] = .string(effect.rawValue)
        case .signingKey(let id):
            object["subject"] = ["format": "complex", "signing_key": ["format": "opaque", "id": .string(id)]]
        }
        return .object(object)
    }

    /// Reads the data of an event; nil when it is no revocation that this version understands, also when it names more
    /// than one target.
    public init?(json: JSONValue) {
        guard let at = json["event_timestamp_ms"]?.int, at >= 0, let reason = json["reason_admin"]?.string,
            let subject = json["subject"], subject["format"]?.string == "complex"
        else { return nil }
        let user = subject["user"].map(Revocation.opaqueID)
        switch (subject["session"].map(Revocation.opaqueID), subject["signing_key"].map(Revocation.opaqueID), user) {
        case (let session??, nil, let user??):
            self.init(target: .session(id: session, subject: user), reason: reason, at: at)
        case (nil, let key??, nil):
            self.init(target: .signingKey(id: key), reason: reason, at: at)
        case (nil, nil, let user??):
            guard let before = json["void_before_ms"]?.int, before >= 0,
                let effect = json["effect"]?.string.flatMap(SubjectEffect.init(rawValue:))
            else { return nil }
            self.init(target: .subject(id: user, before: before, effect: effect), reason: reason, at: at)
        default: return nil
        }
    }

    /// The id of an opaque subject identifier (RFC 9493 section 3.2.6); nil when it is none.
    private static func opaqueID(_ json: JSONValue) -> String? {
        guard json["format"]?.string == "opaque", let id = json["id"]?.string, !id.isEmpty else { return nil }
        return id
    }
}
