import Cedar
import SecurityClient
import StrictJSON

/// What was found about a set of policies before it is stored: it must read, validate strictly and pass its own tests.
struct PolicyChecks: Sendable {
    struct Finding: Sendable, Hashable {
        /// `parse`, `validation`, `test`.
        let kind: String
        let policy: PolicyID?
        /// Begins with the file, and line and column where there are such.
        let message: String

        var diagnostic: Diagnostic { Diagnostic(message) }

        var json: JSONValue {
            var object: JSONObject = ["kind": .string(kind), "message": .string(message)]
            object["policy"] = policy.map { .string($0.description) }
            return .object(object)
        }
    }

    struct TestResult: Sendable {
        let path: String
        let name: String
        /// Why it failed; nil when it passed.
        let failure: String?

        var json: JSONValue {
            var object: JSONObject = [
                "file": .string(path), "name": .string(name), "passed": .bool(failure == nil),
            ]
            object["failure"] = failure.map { .string($0) }
            return .object(object)
        }
    }

    var errors: [Finding] = []
    /// Policies that can never match, are always false, or stand in another one's shadow.
    var warnings: [Finding] = []
    var tests: [TestResult] = []

    var isValid: Bool { errors.isEmpty }

    var json: JSONValue {
        .object([
            "valid": .bool(isValid), "errors": .array(errors.map(\.json)), "warnings": .array(warnings.map(\.json)),
            "tests": .array(tests.map(\.json)),
        ])
    }

    static func run(_ content: PolicyContent) -> PolicyChecks {
        var checks = PolicyChecks()
        let loaded: LoadedPolicies
        do {
            loaded = try LoadedPolicies(content)
        } catch {
            checks.errors = error.all.map { Finding(kind: "parse", policy: nil, message: $0.description) }
            return checks
        }
        let report = Validator(schema: loaded.schema, mode: .strict).validate(loaded.policies)
        func finding(_ issue: ValidationIssue) -> Finding {
            let path = issue.policy.flatMap { loaded.paths[$0] }
            let located =
                path.map {
                    Diagnostic(issue.message, at: issue.range).located(in: $0, text: content.files[$0]).message
                } ?? issue.message
            return Finding(kind: "validation", policy: issue.policy, message: located)
        }
        checks.errors = report.errors.map(finding)
        checks.warnings =
            report.warnings.map(finding)
            + Shadowed.find(loaded).map { policy, by in
                Finding(
                    kind: "validation", policy: policy,
                    message:
                        "\(loaded.paths[policy] ?? ""): \(policy) is never the reason for anything: \(by) covers it")
            }
        guard checks.errors.isEmpty else { return checks }
        let symbols = Symbols()
        let compiled = CompiledPolicies(loaded.policies, symbols: symbols)
        for (path, text) in content.testFiles {
            for result in PolicyTests.run(text, path, loaded, compiled) {
                checks.tests.append(result)
                if let failure = result.failure {
                    checks.errors.append(
                        Finding(kind: "test", policy: nil, message: "\(path): \(result.name): \(failure)"))
                }
            }
        }
        return checks
    }
}

/// Policies that another one of the same effect covers, so that they change no decision.
enum Shadowed {
    /// Pairs of a policy and one that holds whenever it does: the same or a wider scope and no condition, or equal ones.
    /// What conditions imply is not looked into, and what is not found is not said to be needed.
    static func find(_ loaded: LoadedPolicies) -> [(PolicyID, by: PolicyID)] {
        // Only policies without conditions, or with the same ones, can be told to cover others: few in most sets.
        var byConditions: [[Condition]: [Policy]] = [:]
        for policy in loaded.policies.policies { byConditions[policy.conditions, default: []].append(policy) }
        let unconditional = byConditions[[]] ?? []
        var found: [(PolicyID, PolicyID)] = []
        for policy in loaded.policies.policies {
            let candidates =
                policy.conditions.isEmpty ? unconditional : unconditional + (byConditions[policy.conditions] ?? [])
            let cover = candidates.first { other in
                other.id != policy.id && other.effect == policy.effect && covers(other, policy)
                    // Of two that cover each other the first stays.
                    && !(covers(policy, other) && other.conditions == policy.conditions && policy.id < other.id)
            }
            if let cover { found.append((policy.id, cover.id)) }
        }
        return found
    }

    private static func covers(_ wide: Policy, _ narrow: Policy) -> Bool {
        covers(wide.principal, narrow.principal) && covers(wide.resource, narrow.resource)
            && covers(wide.action, narrow.action)
    }

    private static func covers(_ wide: ScopeConstraint, _ narrow: ScopeConstraint) -> Bool {
        if wide == .any || wide == narrow { return true }
        switch (wide, narrow) {
        case (.in(let group), .equal(let entity)), (.in(let group), .isTypeIn(_, let entity)): return group == entity
        case (.isType(let type), .equal(.entity(let entity))): return entity.type == type
        case (.isType(let type), .isTypeIn(let other, _)): return type == other
        default: return false
        }
    }

    private static func covers(_ wide: ActionConstraint, _ narrow: ActionConstraint) -> Bool {
        if wide == .any || wide == narrow { return true }
        switch (wide, narrow) {
        case (.in(let group), .equal(let action)): return group == action
        case (.inAny(let groups), .equal(let action)), (.inAny(let groups), .in(let action)):
            return groups.contains(action)
        case (.inAny(let groups), .inAny(let actions)): return Set(actions).isSubset(of: groups)
        case (.in(let group), .inAny(let actions)): return actions.allSatisfy { $0 == group }
        default: return false
        }
    }
}
