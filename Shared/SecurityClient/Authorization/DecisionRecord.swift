import APISecurity
import Cedar
import Contracts
import Logging
import ServiceLifecycle
import StrictJSON
import Synchronization

/// What goes on record of decisions: every one that does not allow, identical ones counted as DESIGN's "Floods" says, and
/// every allowed act that is privileged or whose policy asks for it by `@audit("always")`.
public final class DecisionRecord: Sendable {
    /// What goes with a decision and makes it no other one.
    public struct Occasion: Sendable {
        public var requestID: String?
        package var trace: (any EventTrace)?

        public init(requestID: String? = nil) { self.requestID = requestID }

        package init(requestID: String?, trace: (any EventTrace)?) {
            self.requestID = requestID
            self.trace = trace
        }
    }

    /// A question about somebody else, whose answer is for the asker to enforce. What the asker says is cut where it is long, so
    /// that nobody can fill memory or record with it.
    package struct Inquiry: Sendable, Hashable {
        /// Who asks.
        let actor: String
        /// Whom it is about, as an id and as it is written in policies; nil when that is searched for.
        let subject: String?
        let principal: String?
        /// What is searched for: `subject`, `resource` or `action`; nil for a single question.
        let search: String?

        package init(actor: String, principal: EntityUID?, search: String? = nil) {
            self.actor = actor
            subject = principal?.id.string.cut
            self.principal = principal?.cutDescription
            self.search = search
        }
    }

    /// What makes decisions identical.
    package struct Key: Sendable, Hashable {
        let subject: String?
        let action: String?
        let resourceType: String
        let outcome: AuthorizationDecision.Outcome
        let policies: [PolicyID]
        var inquiry: Inquiry?
        /// Tells allowed acts apart: each is on record by itself.
        var number: UInt64 = 0
    }

    package enum Resource: Sendable {
        case entity(EntityUID)
        case text(String)
    }

    package struct Detail: Sendable {
        let resource: Resource
        let version: Int64?
        let sequence: Int64?
        let errors: [PolicyID]
        let sessionID: String?
        let occasion: Occasion
    }

    private let denied: RefusalReporter<Key, Detail>
    private let allowed: RefusalReporter<Key, Detail>
    private let isPrivileged: @Sendable (String) -> Bool
    private let numbers = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - isPrivileged: of actions whose allowance is always on record.
    ///   - clock: milliseconds since the epoch.
    package init(
        sink: any RefusalSink,
        isPrivileged: @escaping @Sendable (String) -> Bool = { $0 == Permission.overrideRisk.rawValue },
        clock: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() }, logger: Logger
    ) {
        self.isPrivileged = isPrivileged
        denied = RefusalReporter(kind: .decisionDenied, sink: sink, clock: clock, logger: logger) {
            DecisionRecord.event(.decisionDenied, .refused, $0)
        }
        allowed = RefusalReporter(kind: .decisionAllowed, sink: sink, clock: clock, logger: logger) {
            DecisionRecord.event(.decisionAllowed, .success, $0)
        }
    }

    /// What has to run, after what takes the events and before the HTTP server.
    public var services: [any Service] { [denied, allowed] }

    package func note(
        _ decision: AuthorizationDecision, action: String, resource: EntityUID, subject: AuthorizationSubject,
        _ occasion: Occasion
    ) {
        guard isRecorded(isAllowed: decision.isAllowed, action, decision.policies) else { return }
        note(
            Key(
                subject: subject.subject, action: action, resourceType: resource.type.text, outcome: decision.outcome,
                policies: decision.policies.map(\.id)),
            Detail(
                resource: .entity(resource), version: decision.version, sequence: decision.sequence,
                errors: decision.errors.map(\.policy), sessionID: subject.sessionID, occasion: occasion))
    }

    /// Of an inquiry: what was decided, or of a search that there was somebody or something of whom it was not allowed.
    /// - Parameters:
    ///   - action: nil when that is searched for.
    ///   - resource: nil when that is searched for.
    ///   - resourceType: the type of the resource, known or not.
    package func note(
        _ decision: AuthorizationDecision, action: String?, resource: EntityUID?, ofType resourceType: Name,
        _ inquiry: Inquiry, _ occasion: Occasion
    ) {
        note(
            Key(
                subject: inquiry.subject, action: action, resourceType: resourceType.text.cut,
                outcome: decision.outcome, policies: decision.policies.map(\.id), inquiry: inquiry),
            Detail(
                resource: .text(resource?.cutDescription ?? resourceType.text.cut), version: decision.version,
                sequence: decision.sequence, errors: decision.errors.map(\.policy), sessionID: nil, occasion: occasion))
    }

    /// Whether a decision goes on record. Allocates nothing.
    package func isRecorded(isAllowed: Bool, _ action: String, _ policies: [Policy]) -> Bool {
        !isAllowed || isPrivileged(action) || DecisionRecord.isAlwaysRecorded(policies)
    }

    private func note(_ key: Key, _ detail: Detail) {
        var key = key
        if key.outcome == .allowed {
            key.number = numbers.add(1, ordering: .relaxed).newValue
            allowed.note(key, detail)
        } else {
            denied.note(key, detail)
        }
    }

    /// Whether a policy that decided asks for it.
    package static func isAlwaysRecorded(_ policies: [Policy]) -> Bool {
        policies.contains { $0.annotation("audit") == "always" }
    }

    private static func event(
        _ kind: SecurityEvent.Kind, _ outcome: SecurityEvent.Outcome, _ tally: RefusalTally<Key, Detail>
    ) -> SecurityEvent {
        let (key, detail) = (tally.key, tally.detail)
        var fields: JSONObject = [:]
        fields["action"] = key.action.map { .string($0) }
        switch detail.resource {
        case .entity(let uid): fields["resource"] = .string(uid.description)
        case .text(let text): fields["resource"] = .string(text)
        }
        fields["policies"] = .array(key.policies.map { .string($0.description) })
        fields["principal"] = (key.inquiry?.principal).map { .string($0) }
        fields["search"] = (key.inquiry?.search).map { .string($0) }
        if !detail.errors.isEmpty { fields["errors"] = .array(detail.errors.map { .string($0.description) }) }
        fields["policy_version"] = detail.version.map { .int($0) }
        fields["policy_sequence"] = detail.sequence.map { .int($0) }
        if outcome == .refused { fields["refusals"] = .int(Int64(tally.count)) }
        if tally.count > 1 { fields["last_at_ms"] = .int(tally.last) }
        var reason: String?
        switch key.outcome {
        case .allowed: break
        case .denied: reason = key.policies.isEmpty ? "not_permitted" : "forbidden"
        case .unavailable(let code): reason = code.replacing("-", with: "_")
        }
        return SecurityEvent(
            kind, outcome: outcome, subject: key.subject, actor: key.inquiry?.actor, sessionID: detail.sessionID,
            reason: reason,
            at: tally.first, requestID: detail.occasion.requestID, fields: fields, trace: detail.occasion.trace)
    }
}

extension String {
    /// The beginning of a text that is long.
    fileprivate var cut: String {
        utf8.count <= 256 ? self : String(decoding: utf8.prefix(256), as: UTF8.self) + "…"
    }
}

extension EntityUID {
    /// Its description, of which the middle is missing when it is long.
    fileprivate var cutDescription: String {
        "\(type.text.cut)::\(EntityUID(type: "E", id: CedarString(id.string.cut)).description.dropFirst(3))"
    }
}
