import APISecurity
import Cedar
import Hummingbird
import SecurityClient
import StrictJSON

/// The searches of the OpenID AuthZEN Authorization API 1.0 (section 8): which subjects may, on which resources, by which
/// actions.
struct SearchAPI: Sendable {
    let point: DecisionPoint
    let tokens: SearchTokens
    let index = SearchIndex()
    var bounds = Search.Bounds()
    let clock: @Sendable () -> Int64
    let record: DecisionRecord?

    func register(on router: SecureRouter) {
        router.post("/access/v1/search/subject", .permission(.evaluateDecisions)) { request, context in
            try await search(.subject, request, context)
        }
        router.post("/access/v1/search/resource", .permission(.evaluateDecisions)) { request, context in
            try await search(.resource, request, context)
        }
        router.post("/access/v1/search/action", .permission(.evaluateDecisions)) { request, context in
            try await search(.action, request, context)
        }
    }

    private func search(
        _ kind: AccessQuestion.Search, _ request: Request, _ context: APIContext
    ) async throws -> Response {
        let body = try await AccessAPI.object(request, context)
        let query = SearchTokens.query(kind, body)
        let snapshot = try point.snapshot()
        do {
            let search = Search(
                kind: kind, question: try AccessQuestion(body, search: kind), snapshot: snapshot,
                roles: point.assigned, index: index, bounds: bounds, now: clock())
            let page = try SearchPage(body["page"], query: query, tokens)
            let found = try await OffLoop.run { try search.run(after: page.after, limit: page.limit) }
            note(search, found, Asker(context))
            return .json(json(search, found, query))
        } catch let fault as AccessQuestion.Fault { throw AccessAPI.problem(fault.message) }
    }

    /// Section 8.3. The page comes first, so that whoever reads along knows how much there is to come.
    private func json(_ search: Search, _ found: Search.Found, _ query: JSONObject) -> JSONValue {
        let next = found.isComplete ? "" : tokens.token(after: found.last, in: query)
        let results: [JSONValue] = found.ids.map { id in
            switch search.kind {
            case .action: ["name": .string(id.string)]
            case .subject: ["type": .string(search.question.subject.type.text), "id": .string(id.string)]
            case .resource: ["type": .string(search.question.resource.type.text), "id": .string(id.string)]
            }
        }
        return [
            "page": ["next_token": .string(next), "count": .int(Int64(results.count))],
            "context": ["policy_version": .int(search.snapshot.policies.version)], "results": .array(results),
        ]
    }

    /// A search goes on record as one denial, unless everybody who was looked at may.
    private func note(_ search: Search, _ found: Search.Found, _ asker: Asker) {
        guard let record, found.decided == 0 || found.ids.count < found.decided else { return }
        let question = search.question
        record.note(
            AuthorizationDecision(
                outcome: .denied, policies: [], errors: [], version: search.snapshot.policies.version,
                sequence: search.snapshot.policies.sequence),
            action: question.action, resource: question.resource.uid, ofType: question.resource.type,
            .init(actor: asker.subject, principal: question.subject.uid, search: search.kind.rawValue),
            asker.occasion)
    }
}
