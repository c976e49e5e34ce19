import Cedar
import Synchronization

/// The sets that are compared: what is decided by, and what is evaluated beside it and decides nothing.
package protocol ShadowedPolicies: Sendable {
    var snapshotIfAny: PolicySnapshot? { get }
    var shadow: PolicySnapshot.Policies? { get }
}

/// Evaluates what was decided by the shadow set as well, after it was decided and on another thread: no answer waits for
/// it or depends on it. What is more than can be evaluated is counted, not kept.
package final class ShadowEvaluation: Sendable {
    /// Decisions that wait.
    package static let capacity = 8_192

    /// A decision as it was made.
    package struct Decided: Sendable {
        let request: AuthorizationRequest
        /// Those of the request.
        let entities: [Entity]
        let verdict: Verdict
        let outcome: AuthorizationDecision.Outcome
        let snapshot: PolicySnapshot
        /// Milliseconds since the epoch.
        let at: Int64

        package init(
            request: AuthorizationRequest, entities: [Entity], verdict: Verdict,
            outcome: AuthorizationDecision.Outcome, snapshot: PolicySnapshot, at: Int64
        ) {
            self.request = request
            self.entities = entities
            self.verdict = verdict
            self.outcome = outcome
            self.snapshot = snapshot
            self.at = at
        }
    }

    private struct State {
        var waiting: [Decided] = []
        var skipped = 0
        var report: ShadowReport?
        /// The actions as the shadow set's schema groups them, for the pair of the report.
        var actions: [EntityUID: [Entity]] = [:]
    }

    private let point: any ShadowedPolicies
    private let clock: @Sendable () -> Int64
    private let state = Mutex(State())

    /// - Parameter clock: milliseconds since the epoch.
    package init(point: any ShadowedPolicies, clock: @escaping @Sendable () -> Int64) {
        self.point = point
        self.clock = clock
    }

    /// Takes note of a decision, when there is a shadow set.
    package func note(_ decided: @autoclosure () -> Decided) {
        guard point.shadow != nil else { return }
        state.withLock { state in
            if state.waiting.count < ShadowEvaluation.capacity {
                state.waiting.append(decided())
            } else {
                state.skipped += 1
            }
        }
    }

    /// Whether `drain` has anything to do.
    package var hasWork: Bool {
        let isOn = point.shadow != nil
        return state.withLock { !$0.waiting.isEmpty || $0.skipped > 0 || ($0.report != nil) != isOn }
    }

    /// Evaluates what waits. Not for an event loop: a large set may take long.
    /// - Parameter budget: after which what still waits is counted as skipped.
    package func drain(for budget: Duration) {
        let (waiting, skipped) = state.withLock { state in
            defer {
                state.waiting.removeAll(keepingCapacity: false)
                state.skipped = 0
            }
            return (state.waiting, state.skipped)
        }
        guard let shadow = point.shadow, let active = point.snapshotIfAny else {
            state.withLock { $0.report = nil }
            return
        }
        let pair = ShadowReport.Pair(
            activeSequence: active.policies.sequence, activeVersion: active.policies.version,
            shadowVersion: shadow.version)
        let actions = begin(pair, active, shadow)
        add(pair) { $0.skip(skipped) }
        let end = ContinuousClock.now + budget
        for (index, decided) in waiting.enumerated() {
            if ContinuousClock.now >= end { return add(pair) { $0.skip(waiting.count - index) } }
            guard decided.snapshot.policies.sequence == pair.activeSequence,
                // Sets and entities are compiled to numbers of one table: another one's mean something else.
                decided.snapshot.symbols === shadow.compiled.symbols
            else {
                add(pair) { $0.skip(1) }
                continue
            }
            compare(decided, shadow, actions[decided.request.action] ?? [], pair)
        }
    }

    /// What was found until now; nil while there is no shadow set.
    package func report() -> ShadowReport? {
        drain(for: .milliseconds(100))
        return state.withLock { $0.report }
    }

    /// Begins the report anew when it is about other sets.
    private func begin(
        _ pair: ShadowReport.Pair, _ active: PolicySnapshot, _ shadow: PolicySnapshot.Policies
    ) -> [EntityUID: [Entity]] {
        let now = clock()
        return state.withLock { state in
            if state.report?.pair != pair {
                state.report = ShadowReport(pair, since: now)
                state.actions = ShadowEvaluation.actions(active.policies.loaded.schema, shadow.loaded.schema)
            }
            return state.actions
        }
    }

    private func add(_ pair: ShadowReport.Pair, _ change: (inout ShadowReport) -> Void) {
        state.withLock { state in
            guard var report = state.report, report.pair == pair else { return }
            state.report = nil
            change(&report)
            state.report = report
        }
    }

    private func compare(
        _ decided: Decided, _ shadow: PolicySnapshot.Policies, _ actions: [Entity], _ pair: ShadowReport.Pair
    ) {
        let verdict = shadow.compiled.authorize(
            decided.request, in: decided.snapshot.store, with: decided.entities + actions)
        let action = decided.request.action.id.string
        let outcome = Authorizer.outcome(verdict, of: action, shadow)
        let (was, would) = (ShadowReport.Answer(decided.outcome), ShadowReport.Answer(outcome))
        let hasErrors = !verdict.errors.isEmpty
        guard was != would else { return add(pair) { $0.addSame(withErrors: hasErrors) } }
        func names(_ verdict: Verdict) -> [String] {
            verdict.determiningPolicies.prefix(ShadowReport.maximumPolicies).map(\.id.description)
        }
        let kind = ShadowReport.Kind(
            action: action, principalType: decided.request.principal.type.text,
            resourceType: decided.request.resource.type.text, active: was, shadow: would,
            activePolicies: names(decided.verdict), shadowPolicies: names(verdict))
        let sample = ShadowReport.Sample(
            principal: decided.request.principal.description, resource: decided.request.resource.description,
            at: decided.at)
        add(pair) { $0.add(kind, sample, withErrors: hasErrors) }
    }

    /// For each action that the shadow set's schema puts into other groups than the active one's: itself and the groups
    /// it is in, as the entity store has them the way of the active schema.
    static func actions(_ active: Schema, _ shadow: Schema) -> [EntityUID: [Entity]] {
        var result: [EntityUID: [Entity]] = [:]
        for uid in Set(active.actions.keys).union(shadow.actions.keys) {
            let groups = shadow.actions[uid]?.ancestors ?? []
            guard groups != active.actions[uid]?.ancestors ?? [] else { continue }
            result[uid] = groups.union([uid]).map { Entity(uid: $0, parents: shadow.actions[$0]?.parents ?? []) }
        }
        return result
    }
}
