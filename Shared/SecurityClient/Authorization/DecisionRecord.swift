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

    /// What makes decisions identical.
    package struct Key: Sendable, Hashable {
        let subject: String
        let action: String
        let resourceType: Name
        let outcome: AuthorizationDecision.Outcome
        let policies: [PolicyID]
        /// Tells allowed acts apart: each is on record by itself.
        var number: UInt64 = 0
    }

    package struct Detail: Sendable {
        let resource: EntityUID
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
        if decision.isAllowed, !isPrivileged(action), !DecisionRecord.isAlwaysRecorded(decision) { return }
        var key = Key(
            subject: subject.subject, action: action, resourceType: resource.type, outcome: decision.outcome,
            policies: decision.policies.map(\.id))
        let detail = Detail(
            resource: resource, version: decision.version, sequence: decision.sequence,
            errors: decision.errors.map(\.policy), sessionID: subject.sessionID, occasion: occasion)
        if decision.isAllowed {
            key.number = numbers.add(1, ordering: .relaxed).newValue
            allowed.note(key, detail)
        } else {
            denied.note(key, detail)
        }
    }

    /// Whether a policy that decided asks for it.
    package static func isAlwaysRecorded(_ decision: AuthorizationDecision) -> Bool {
        decision.policies.contains { $0.annotation("audit") == "always" }
    }

    private static func event(
        _ kind: SecurityEvent.Kind, _ outcome: SecurityEvent.Outcome, _ tally: RefusalTally<Key, Detail>
    ) -> SecurityEvent {
        let (key, detail) = (tally.key, tally.detail)
        var fields: JSONObject = [
            "action": .string(key.action), "resource": .string(detail.resource.description),
            "policies": .array(key.policies.map { .string($0.description) }),
        ]
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
            kind, outcome: outcome, subject: key.subject, sessionID: detail.sessionID, reason: reason,
            at: tally.first, requestID: detail.occasion.requestID, fields: fields, trace: detail.occasion.trace)
    }
}
