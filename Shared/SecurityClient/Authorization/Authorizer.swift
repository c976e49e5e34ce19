import APISecurity
import Cedar
import Contracts
import Hummingbird
import ServiceKit

/// Decides in this process whether somebody may do something, by the policies and entities that `PolicyClient` keeps.
///
///     let decision = authorizer.decide("orders:place", on: order.uid, by: subject, entities: [order])
///
/// When policies are stale the risk class of the act decides: what adds risk and what is neutral is not decided any more,
/// what takes risk away goes on.
public final class Authorizer: Sendable {
    /// How long (milliseconds) acts that reduce risk are decided by policies of which nothing newer is known.
    public static let longestStaleness: Int64 = 24 * 3_600_000

    private let client: PolicyClient
    private let record: DecisionRecord?
    private let shadow: ShadowEvaluation?
    private let clock: @Sendable () -> Int64

    package init(
        _ client: PolicyClient, record: DecisionRecord?, shadow: ShadowEvaluation? = nil,
        clock: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() }
    ) {
        self.client = client
        self.record = record
        self.shadow = shadow
        self.clock = clock
    }

    /// Decides.
    /// - Parameters:
    ///   - action: the permission's name: the id of the `Action`.
    ///   - entities: what this service itself knows of entities for this request, such as the order that is asked for. They take
    ///     the place of stored ones. The principal is none of them.
    ///   - context: what this service knows beside what the platform says of every request, which it cannot replace.
    public func decide(
        _ action: String, on resource: EntityUID, by subject: AuthorizationSubject, entities: [Entity] = [],
        context: Record = .empty, occasion: DecisionRecord.Occasion = .init()
    ) -> AuthorizationDecision {
        let now = clock()
        let uid = EntityUID(type: AuthorizationSubject.Names.action, id: CedarString(action))
        let decision: AuthorizationDecision
        if let snapshot = client.replica.snapshot, isUsable(for: action, now: now) {
            let merged =
                context.isEmpty
                ? subject.context
                : Record(
                    (context.fields + subject.context.fields).map { ($0.name, $0.value) })
            let request = AuthorizationRequest(
                principal: subject.principal, action: uid, resource: resource, context: merged)
            let known = [subject.entity(in: snapshot, for: resource, with: entities)] + entities
            let verdict = snapshot.policies.compiled.authorize(request, in: snapshot.store, with: known)
            let outcome = Authorizer.outcome(verdict, of: action, snapshot.policies)
            decision = AuthorizationDecision(
                outcome: outcome, policies: verdict.determiningPolicies,
                errors: verdict.errors, version: snapshot.policies.version, sequence: snapshot.policies.sequence)
            shadow?.note(
                .init(
                    request: request, entities: known, verdict: verdict, outcome: outcome, snapshot: snapshot, at: now))
        } else {
            let reason = client.replica.snapshot == nil ? "no-policies" : "stale-policies"
            decision = AuthorizationDecision(
                outcome: .unavailable(reason), policies: [], errors: [],
                version: client.replica.snapshot?.policies.version, sequence: client.replica.policySequence)
        }
        record?.note(decision, action: action, resource: resource, subject: subject, occasion)
        return decision
    }

    /// What the entity store knows of an entity; nil when it knows nothing.
    public func entity(_ uid: EntityUID) -> Entity? { client.replica.snapshot?.store[uid] }

    /// The language passes over a policy that cannot be evaluated. When that is one which forbids, what adds risk is not
    /// allowed for want of it.
    package static func outcome(
        _ verdict: Verdict, of action: String, _ policies: PolicySnapshot.Policies
    ) -> AuthorizationDecision.Outcome {
        guard verdict.isAllowed else { return .denied }
        if !verdict.errors.isEmpty, risk(of: action, policies) == .increasing,
            verdict.errors.contains(where: {
                policies.loaded.policies.policy($0.policy)?.effect == .forbid
            })
        {
            return .unavailable("policy-errors")
        }
        return .allowed
    }

    /// What an act does to exposure: as the schema groups its action, else as the permission of the same name.
    package static func risk(of action: String, _ policies: PolicySnapshot.Policies) -> RiskClass {
        let uid = EntityUID(type: AuthorizationSubject.Names.action, id: CedarString(action))
        let groups = policies.loaded.schema.actions[uid]?.ancestors ?? []
        if groups.contains(riskIncreasing) { return .increasing }
        if groups.contains(riskReducing) { return .reducing }
        return Permission(action).risk
    }

    private static let riskIncreasing = EntityUID(type: AuthorizationSubject.Names.action, id: "risk-increasing")
    private static let riskReducing = EntityUID(type: AuthorizationSubject.Names.action, id: "risk-reducing")

    private func isUsable(for action: String, now: Int64) -> Bool {
        if client.isFresh(now: now) { return true }
        guard let snapshot = client.replica.snapshot, Authorizer.risk(of: action, snapshot.policies) == .reducing else {
            return false
        }
        // Policies from disk that nobody vouched for yet have no age; they are better than nothing for what reduces risk.
        guard let staleness = client.staleness(now: now) else { return true }
        return staleness < .milliseconds(Authorizer.longestStaleness)
    }
}

extension APIContext {
    /// The caller as policies see it.
    public func authorizationSubject() throws(Problem) -> AuthorizationSubject {
        AuthorizationSubject(
            try requireIdentity(), certificate: clientCertificateThumbprint != nil, address: remoteAddress,
            now: receivedAt)
    }

    /// Goes on only when the caller may do `action` to `resource`.
    /// - Throws: `Problem` 403 that names the policies that decided, 503 when it cannot be decided.
    @discardableResult
    public func authorize(
        _ action: String, on resource: EntityUID, entities: [Entity] = [], context: Record = .empty,
        with authorizer: Authorizer
    ) throws(Problem) -> AuthorizationDecision {
        let decision = authorizer.decide(
            action, on: resource, by: try authorizationSubject(), entities: entities, context: context,
            occasion: .init(requestID: requestID, trace: traceparent))
        switch decision.outcome {
        case .allowed: return decision
        case .denied:
            var problem = Problem.forbidden("denied-by-policy", detail: decision.statedReason)
            problem.extensions["policies"] = .array(decision.policyIDs.map { .string($0) })
            problem.extensions["policy_version"] = decision.version.map { .int($0) }
            throw problem
        case .unavailable: throw .unavailable(detail: "Policies are not known well enough to decide this.")
        }
    }
}
