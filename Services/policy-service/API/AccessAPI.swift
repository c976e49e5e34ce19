import APISecurity
import Cedar
import Hummingbird
import SecurityClient
import StrictJSON

/// The OpenID AuthZEN Authorization API 1.0: evaluation (section 6) and evaluations (section 7).
///
/// The caller is a service that enforces decisions and says who asks; what else it may say of subjects and resources is set
/// down with the policies (`AssertableAttributes`), and everything else comes from the entity store.
struct AccessAPI: Sendable {
    /// Questions in one request.
    static let batch = 1_000

    /// How a list of questions is gone through (section 7.1.2).
    enum Semantic: String, Sendable, CaseIterable {
        case executeAll = "execute_all"
        case denyOnFirstDeny = "deny_on_first_deny"
        case permitOnFirstPermit = "permit_on_first_permit"
    }

    let point: DecisionPoint
    let shadow: ShadowEvaluation
    let publicURL: String
    let clock: @Sendable () -> Int64
    var record: DecisionRecord?

    func register(on router: SecureRouter) {
        let head = router.hotHead(.ok, [.contentType: "application/json"])
        router.hot(
            .post, "/access/v1/evaluation", .permission(.evaluateDecisions), lean: { evaluation($0, head) },
            use: evaluation)
        router.post("/access/v1/evaluations", .permission(.evaluateDecisions), use: evaluations)
        router.get("/.well-known/authzen-configuration", .public, use: metadata)
    }

    @Sendable func evaluation(_ request: Request, _ context: APIContext) async throws -> Response {
        let question = try await AccessAPI.object(request, context)
        return .json(try answer(question, [:], try point.snapshot(), .init(context)))
    }

    /// The same for questions that can be answered. Nothing is refused here.
    private func evaluation(_ call: HotCall, _ head: HotHead) {
        guard let question = call.json()?.object, let snapshot = point.snapshotIfAny,
            let answer = try? answer(question, [:], snapshot, .init(call))
        else { return call.passOn() }
        call.answer(head, answer.encoded())
    }

    @Sendable func evaluations(_ request: Request, _ context: APIContext) async throws -> Response {
        let whole = try await AccessAPI.object(request, context)
        let snapshot = try point.snapshot()
        let asker = Asker(context)
        // Without a list it is a single question (section 7.1).
        guard let list = whole["evaluations"] else { return .json(try answer(whole, [:], snapshot, asker)) }
        guard let questions = list.array, questions.count <= AccessAPI.batch else {
            throw AccessAPI.problem("evaluations: a list of at most \(AccessAPI.batch) questions is expected")
        }
        if questions.isEmpty { return .json(try answer(whole, [:], snapshot, asker)) }
        let semantic = try AccessAPI.semantic(whole["options"])
        var defaults: JSONObject = [:]
        for name in ["subject", "action", "resource", "context"] { defaults[name] = whole[name] }
        var answers: [JSONValue] = []
        for question in questions {
            let answer = one(question, defaults, snapshot, asker)
            answers.append(answer)
            let isAllowed = answer["decision"]?.bool == true
            if semantic == .denyOnFirstDeny, !isAllowed { break }
            if semantic == .permitOnFirstPermit, isAllowed { break }
        }
        return .json(["evaluations": .array(answers)])
    }

    /// Section 9.
    @Sendable func metadata(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        let access = publicURL + "/access/v1"
        return .json([
            "policy_decision_point": .string(publicURL),
            "access_evaluation_endpoint": .string(access + "/evaluation"),
            "access_evaluations_endpoint": .string(access + "/evaluations"),
            "search_subject_endpoint": .string(access + "/search/subject"),
            "search_resource_endpoint": .string(access + "/search/resource"),
            "search_action_endpoint": .string(access + "/search/action"),
        ])
    }

    // MARK: Answers

    /// A question of a list: one that cannot be understood is answered by `false` with the error beside it (section 7.2.1).
    private func one(
        _ json: JSONValue, _ defaults: JSONObject, _ snapshot: PolicySnapshot, _ asker: Asker
    ) -> JSONValue {
        guard let object = json.object else { return AccessAPI.fault("an object is expected") }
        do {
            return try answer(object, defaults, snapshot, asker)
        } catch { return AccessAPI.fault(error.detail ?? error.title) }
    }

    private static func fault(_ message: String) -> JSONValue {
        ["decision": false, "context": ["error": ["status": 400, "message": .string(message)]]]
    }

    private func answer(
        _ json: JSONObject, _ defaults: JSONObject, _ snapshot: PolicySnapshot, _ asker: Asker
    ) throws(Problem) -> JSONValue {
        do throws(AccessQuestion.Fault) {
            let question = try AccessQuestion(json, defaults: defaults)
            guard let principal = question.subject.uid, let action = question.action,
                let resource = question.resource.uid
            else { throw AccessQuestion.Fault(message: "subject, action and resource are expected") }
            let now = clock()
            let prepared = try PreparedQuestion(
                question, principal: principal, action: action, resource: resource, snapshot,
                roles: point.assigned, now: now)
            let verdict = snapshot.policies.compiled.authorize(
                prepared.request, in: snapshot.store, with: prepared.entities)
            let outcome = Authorizer.outcome(verdict, of: action, snapshot.policies)
            shadow.note(
                .init(
                    request: prepared.request, entities: prepared.entities, verdict: verdict, outcome: outcome,
                    snapshot: snapshot, at: now))
            let policies = verdict.determiningPolicies
            if let record, record.isRecorded(isAllowed: outcome == .allowed, action, policies) {
                record.note(
                    AuthorizationDecision(
                        outcome: outcome, policies: policies, errors: verdict.errors,
                        version: snapshot.policies.version, sequence: snapshot.policies.sequence),
                    action: action, resource: resource, ofType: resource.type,
                    .init(actor: asker.subject, principal: principal), asker.occasion)
            }
            return AccessAPI.json(verdict, policies, outcome, snapshot)
        } catch { throw AccessAPI.problem(error.message) }
    }

    private static func json(
        _ verdict: Verdict, _ policies: [Policy], _ outcome: AuthorizationDecision.Outcome,
        _ snapshot: PolicySnapshot
    ) -> JSONValue {
        var context: JSONObject = [
            "policies": .array(policies.map { .string($0.id.description) }),
            "policy_version": .int(snapshot.policies.version),
        ]
        if let reason = policies.lazy.compactMap({ $0.annotation("reason") }).first {
            context["reason_user"] = ["en": .string(reason)]
        }
        if !verdict.errors.isEmpty {
            context["policy_errors"] = .array(verdict.errors.map { .string($0.policy.description) })
        }
        return ["decision": .bool(outcome == .allowed), "context": .object(context)]
    }

    static func semantic(_ options: JSONValue?) throws(Problem) -> Semantic {
        guard let name = options?["evaluations_semantic"] else { return .executeAll }
        guard let semantic = name.string.flatMap(Semantic.init(rawValue:)) else {
            throw problem(
                "options.evaluations_semantic: one of execute_all, deny_on_first_deny, permit_on_first_permit")
        }
        return semantic
    }

    static func object(_ request: Request, _ context: APIContext) async throws -> JSONObject {
        guard let object = try await request.json(context).object else {
            throw AccessAPI.problem("an object is expected")
        }
        return object
    }

    static func problem(_ message: String) -> Problem {
        .badRequest("invalid-question", detail: message)
    }
}

/// Who asks, for the record; names for the request are made only when something goes there.
enum Asker {
    case context(APIContext)
    case call(HotCall)

    init(_ context: APIContext) { self = .context(context) }
    init(_ call: HotCall) { self = .call(call) }

    /// Nobody asks without a permission, so that there is an identity.
    var subject: String {
        switch self {
        case .context(let context): context.identity?.subject ?? ""
        case .call(let call): call.identity?.subject ?? ""
        }
    }

    var occasion: DecisionRecord.Occasion {
        switch self {
        case .context(let context): .init(requestID: context.requestID, trace: context.traceparent)
        case .call(let call): .init(requestID: call.requestID, trace: call.traceparent)
        }
    }
}
