import Contracts
import StrictJSON
import Testing

@Suite struct RevocationTests {
    private static let all: [Revocation] = [
        Revocation(target: .session(id: "s1", subject: "usr_1"), reason: "logout", at: 1_764_000_000_123),
        Revocation(
            target: .subject(id: "usr_1", before: 1_764_000_000_000, effect: .sessionsEnded), reason: "disabled",
            at: 1_764_000_000_123),
        Revocation(
            target: .subject(id: "usr_1", before: 0, effect: .claimsChanged), reason: "roles_removed", at: 0),
        Revocation(target: .signingKey(id: "kid1"), reason: "key_compromised", at: 1_764_000_000_999),
        Revocation(target: .session(id: "\"\\\u{1F511}é", subject: " "), reason: "", at: 1),
    ]

    @Test(arguments: all) func comesBackThroughJSON(revocation: Revocation) throws {
        let json = try JSONValue(parsing: revocation.json().encoded())
        #expect(Revocation(json: json) == revocation)
        // CAEP: seconds beside the milliseconds.
        #expect(json["event_timestamp"] == .int(revocation.at / 1_000))
        // Members that a later version adds are passed over.
        var later = try #require(json.object)
        later["reason_user"] = ["en": "bye"]
        #expect(Revocation(json: .object(later)) == revocation)
    }

    @Test func typesAndKeys() {
        #expect(
            Self.all.map(\.eventType) == [
                "org.jts.security.session-revoked", "org.jts.security.session-revoked",
                "org.jts.security.token-claims-change", "org.jts.security.signing-key-revoked",
                "org.jts.security.session-revoked",
            ])
        #expect(Self.all.map(\.key) == ["s1", "usr_1", "usr_1", "kid1", "\"\\\u{1F511}é"])
    }

    /// As `docs/asyncapi.yaml` shows it.
    @Test func sessionAsPublished() {
        #expect(
            Self.all[0].json() == [
                "event_timestamp": 1_764_000_000, "event_timestamp_ms": 1_764_000_000_123, "reason_admin": "logout",
                "subject": [
                    "format": "complex", "session": ["format": "opaque", "id": "s1"],
                    "user": ["format": "opaque", "id": "usr_1"],
                ],
            ])
    }

    @Test(arguments: all) func membersAreNeeded(revocation: Revocation) throws {
        let whole = try #require(revocation.json().object)
        for name in whole.keys where name != "event_timestamp" {
            for wrong: JSONValue? in [nil, .null, true, 1.5, -1, ["x"], [:]] {
                var altered = whole
                altered[name] = wrong
                #expect(Revocation(json: .object(altered)) == nil, "\(name) \(wrong as Any)")
            }
        }
        let subject = try #require(whole["subject"]?.object)
        for name in subject.keys {
            for wrong: JSONValue in [
                .null, "text", 1, [:], ["format": "opaque"], ["id": "x"], ["format": "email", "id": "x"],
                ["format": "opaque", "id": ""], ["format": "opaque", "id": 5],
            ] {
                var (altered, inner) = (whole, subject)
                inner[name] = wrong
                altered["subject"] = .object(inner)
                #expect(Revocation(json: .object(altered)) == nil, "\(name) \(wrong)")
            }
        }
    }

    private static let session: JSONValue = ["format": "opaque", "id": "s"]
    private static let user: JSONValue = ["format": "opaque", "id": "u"]
    private static let key: JSONValue = ["format": "opaque", "id": "k"]

    @Test(
        arguments: [
            ["format": "complex"],
            // A session without its owner.
            ["format": "complex", "session": session],
            // More than one target.
            ["format": "complex", "session": session, "user": user, "signing_key": key],
            ["format": "complex", "session": session, "signing_key": key],
            ["format": "complex", "signing_key": key, "user": user],
            // Other forms of RFC 9493.
            ["format": "opaque", "id": "u"], ["format": "iss_sub", "iss": "i", "sub": "u"], ["user": user],
        ] as [JSONValue]) func subjectRefused(subject: JSONValue)
    {
        // With and without what a subject's revocation has beside.
        let least: JSONObject = ["event_timestamp_ms": 1, "reason_admin": "x", "subject": subject]
        #expect(Revocation(json: .object(least)) == nil)
        var whole = least
        whole["void_before_ms"] = 1
        whole["effect"] = "sessions-ended"
        #expect(Revocation(json: .object(whole)) == nil)
    }

    @Test func unknownEffect() {
        var object: JSONObject = [
            "event_timestamp_ms": 1, "reason_admin": "x", "subject": ["format": "complex", "user": Self.user],
            "void_before_ms": 1,
        ]
        for effect in ["sessions-ended", "claims-changed"] {
            object["effect"] = .string(effect)
            #expect(Revocation(json: .object(object)) != nil)
        }
        for effect in ["", "Sessions-Ended", "other"] {
            object["effect"] = .string(effect)
            #expect(Revocation(json: .object(object)) == nil)
        }
    }

    @Test(arguments: [JSONValue.null, [], [:], 1, "text"]) func noObject(json: JSONValue) {
        #expect(Revocation(json: json) == nil)
    }
}
