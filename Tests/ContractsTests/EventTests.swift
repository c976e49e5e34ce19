import Contracts
import Foundation
import StrictJSON
import Testing

@Suite struct EventTests {
    @Test func leastEvent() {
        let event = SecurityEvent(.loginFailed, outcome: .refused, at: 1_764_000_000_123)
        #expect(event.eventType == "org.jts.security.login-failed")
        #expect(event.json() == ["outcome": "refused", "at_ms": 1_764_000_000_123])
    }

    @Test func wholeEvent() {
        let event = SecurityEvent(
            .sessionCreated, subject: "usr_1", actor: "usr_2", sessionID: "s1", reason: "login", at: 5,
            requestID: "r1", fields: ["device": "d1"], personal: ["address": "127.0.0.1"])
        #expect(
            event.json() == [
                "outcome": "success", "at_ms": 5, "subject": "usr_1", "actor": "usr_2", "session_id": "s1",
                "reason": "login", "request_id": "r1", "fields": ["device": "d1"],
                "personal": ["address": "127.0.0.1"],
            ])
    }

    /// What identifies a person stands in `personal` and nowhere else, so that the audit trail can seal it.
    @Test func personalDataStandsApart() throws {
        let event = SecurityEvent(.userCreated, at: 5, personal: ["email": "someone@example.com"])
        var object = try #require(event.json().object)
        object["personal"] = nil
        #expect(!JSONValue.object(object).encodedString().contains("someone"))
    }

    /// An event belongs to the request in which it is made, whoever tells of it later.
    @Test func eventsTakeOverTheTrace() {
        #expect(SecurityEvent(.userCreated, at: 5).trace == nil)
        let event = CurrentTrace.$value.withValue(Trace()) { SecurityEvent(.userCreated, at: 5) }
        #expect(event.trace?.traceparent == "00-1-2-01")
        #expect(event.trace?.tracestate == "a=1")
        #expect(event.json() == ["outcome": "success", "at_ms": 5])
    }

    private struct Trace: EventTrace {
        let traceparent = "00-1-2-01"
        let tracestate: String? = "a=1"
    }

    @Test func namesAreCodes() {
        let names = SecurityEvent.Kind.allCases.map(\.rawValue)
        for name in names {
            #expect(name.wholeMatch(of: /[a-z]+(-[a-z]+)*/) != nil, "\(name)")
        }
        #expect(Set(names).count == names.count)
        // One name is one meaning: revocations have types of their own on their own topic.
        #expect(!names.contains("session-revoked") && !names.contains("token-claims-change"))
    }

    // MARK: - docs/asyncapi.yaml

    private func document() throws -> String {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "docs/asyncapi.yaml")
        return try String(contentsOf: file, encoding: .utf8)
    }

    /// Exactly the kinds of event that there are, each once.
    @Test func documentListsEveryKind() throws {
        let text = try document()
        let heading = try #require(text.range(of: "Event types on security.events:"))
        let end = try #require(text[heading.upperBound...].firstRange(of: "license:"))
        let listed = text[heading.upperBound..<end.lowerBound].matches(of: /org\.jts\.security\.([a-z-]+)/)
            .map { String($0.output.1) }
        #expect(listed.sorted() == SecurityEvent.Kind.allCases.map(\.rawValue).sorted())
    }

    /// Exactly the topics that there are, each once.
    @Test func documentListsEveryTopic() throws {
        let listed = try document().matches(of: /(?m)^ +address: *([a-z.-]+) *$/).map { String($0.output.1) }
        #expect(listed.sorted() == Topic.allCases.map(\.rawValue).sorted())
    }

    @Test func documentNamesTheTypesOfRevocations() throws {
        let text = try document()
        for revocation in [
            Revocation(target: .session(id: "s", subject: "u"), reason: "logout", at: 1),
            Revocation(target: .subject(id: "u", before: 1, effect: .sessionsEnded), reason: "disabled", at: 1),
            Revocation(target: .subject(id: "u", before: 1, effect: .claimsChanged), reason: "roles_removed", at: 1),
            Revocation(target: .signingKey(id: "k"), reason: "key_compromised", at: 1),
        ] {
            #expect(text.contains("name: \(revocation.eventType)\n"))
            #expect(text.contains("reason_admin: \(revocation.reason)\n"))
        }
    }
}
