import APISecurity
import Cedar
import Hummingbird
import SecurityClient
import StrictJSON

/// `POST /v1/explain`: a question as AuthZEN asks it, answered with all that led to the decision: the policies that
/// decided with their text and annotations, those that could not be evaluated and why, and the entities that were looked at.
struct ExplainAPI: Sendable {
    let point: DecisionPoint
    let clock: @Sendable () -> Int64

    func register(on router: SecureRouter) {
        router.post("/v1/explain", .permission(.readPolicies), use: explain)
    }

    @Sendable func explain(_ request: Request, _ context: APIContext) async throws -> Response {
        guard let object = try await request.json(context).object else {
            throw AccessAPI.problem("an object is expected")
        }
        let snapshot = try point.snapshot()
        let prepared: PreparedQuestion
        do {
            let question = try AccessQuestion(object)
            guard let principal = question.subject.uid, let action = question.action,
                let resource = question.resource.uid
            else { throw AccessQuestion.Fault(message: "subject, action and resource are expected") }
            prepared = try PreparedQuestion(
                question, principal: principal, action: action, resource: resource, snapshot,
                roles: point.assigned, now: clock())
        } catch let fault as AccessQuestion.Fault { throw AccessAPI.problem(fault.message) }
        let verdict = snapshot.policies.compiled.authorize(
            prepared.request, in: snapshot.store, with: prepared.entities)
        let outcome = Authorizer.outcome(
            verdict, of: prepared.request.action.id.string, snapshot.policies)
        let issues = Validator(schema: snapshot.policies.loaded.schema, mode: .strict)
            .validate(request: prepared.request)
        let used = Explanation.entities(of: verdict, prepared, snapshot)
        return .json([
            "decision": .bool(outcome == .allowed), "policy_version": .int(snapshot.policies.version),
            "policy_sequence": .int(snapshot.policies.sequence), "entity_sequence": .int(snapshot.entitySequence),
            "policies": .array(verdict.determiningPolicies.map { Explanation.json($0, snapshot) }),
            "errors": .array(
                verdict.errors.map { ["policy": .string($0.policy.description), "error": .string("\($0.error)")] }),
            "request_issues": .array(issues.map { .string($0.message) }),
            "entities": .array(try used.map { try $0.json }),
        ])
    }
}

enum Explanation {
    static func json(_ policy: Policy, _ snapshot: PolicySnapshot) -> JSONValue {
        var annotations: JSONObject = [:]
        for annotation in policy.annotations { annotations[annotation.key] = .string(annotation.value ?? "") }
        var object: JSONObject = [
            "id": .string(policy.id.description), "effect": .string(policy.effect.rawValue),
            "annotations": .object(annotations), "text": .string(policy.text),
        ]
        object["file"] = snapshot.policies.loaded.paths[policy.id].map { .string($0) }
        return .object(object)
    }

    /// The entities that the decision could look at: those of the request, what they are in, those that their attributes
    /// name, and those that the deciding policies name.
    static func entities(
        of verdict: Verdict, _ prepared: PreparedQuestion, _ snapshot: PolicySnapshot
    ) -> [Entity] {
        let given = Dictionary(prepared.entities.map { ($0.uid, $0) }, uniquingKeysWith: { $1 })
        var pending: [(uid: EntityUID, follows: Bool)] = [
            (prepared.request.principal, true), (prepared.request.action, false), (prepared.request.resource, true),
        ]
        var seen: Set<EntityUID> = []
        var found: [Entity] = []
        while let (uid, follows) = pending.popLast() {
            guard seen.insert(uid).inserted, let entity = given[uid] ?? snapshot.store[uid], found.count < 200 else {
                continue
            }
            found.append(entity)
            pending += entity.parents.map { ($0, false) }
            guard follows else { continue }
            for field in entity.attributes.fields {
                if case .entity(let other) = field.value { pending.append((other, false)) }
            }
        }
        return found.sorted { $0.uid < $1.uid }
    }
}
