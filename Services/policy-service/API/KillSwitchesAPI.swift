import APISecurity
import Cedar
import Contracts
import Hummingbird
import SecurityClient
import StrictJSON

/// `/v1/kill-switches`: what is halted. An entity whose attribute `halted` is true is halted, and policies forbid what
/// would add to its exposure; who decides by itself learns of it as of any other change of entities, only sooner.
struct KillSwitchesAPI: Sendable {
    static let attribute: CedarString = "halted"

    /// Whoever may halt something need not be who may let it go on: policies know them as two actions.
    static let halting = EntityUID(
        type: AuthorizationSubject.Names.action, id: CedarString(Permission.useKillSwitch.rawValue))
    static let lifting = EntityUID(type: AuthorizationSubject.Names.action, id: "killswitch:lift")

    let entities: EntityRecords
    let point: DecisionPoint
    let changes: Changes

    func register(on router: SecureRouter) {
        router.get("/v1/kill-switches", .permission(.useKillSwitch), use: list)
        // Halting takes risk away: it has to go through. Going on is another matter.
        router.put("/v1/kill-switches/{type}/{id}", .permission(.useKillSwitch), use: engage)
        router.delete("/v1/kill-switches/{type}/{id}", .privileged(.useKillSwitch), use: lift)
    }

    @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        let halted = try point.snapshot().store.entities
            .filter { $0.attributes[KillSwitchesAPI.attribute] == .bool(true) }.map(\.uid).sorted()
        return .json([
            "halted": .array(halted.map { ["type": .string($0.type.text), "id": .string($0.id.string)] })
        ])
    }

    @Sendable func engage(_ request: Request, _ context: APIContext) async throws -> Response {
        try await set(true, .killSwitchEngaged, request, context)
    }

    @Sendable func lift(_ request: Request, _ context: APIContext) async throws -> Response {
        try await set(false, .killSwitchLifted, request, context)
    }

    /// The permission lets somebody use kill switches; policies say which.
    private func requirePolicy(_ action: EntityUID, on uid: EntityUID, _ context: APIContext) throws {
        let snapshot = try point.snapshot()
        let subject = try context.authorizationSubject()
        let verdict = snapshot.policies.compiled.authorize(
            AuthorizationRequest(
                principal: subject.principal,
                action: action, resource: uid, context: subject.context), in: snapshot.store,
            with: [subject.entity(in: snapshot, for: uid, with: [])])
        guard verdict.isAllowed else {
            var problem = Problem.forbidden("denied-by-policy")
            problem.extensions["policies"] = .array(verdict.reasons.map { .string($0.description) })
            throw problem
        }
    }

    private func set(
        _ halted: Bool, _ kind: SecurityEvent.Kind, _ request: Request, _ context: APIContext
    ) async throws -> Response {
        let act = try context.act()
        let uid = try context.entityUID()
        var fields = try await request.fields(context)
        let reason = fields.string("reason", length: 1...256, pattern: .printable)
        try fields.finish()
        guard let type = try point.snapshot().policies.loaded.schema.entityTypes[uid.type],
            type.attributes.attributes[KillSwitchesAPI.attribute]?.type == .bool
        else {
            throw Problem.unprocessable(
                "not-haltable", title: "Entities of this type cannot be halted",
                detail: "The schema gives \(uid.type) no attribute \(KillSwitchesAPI.attribute).")
        }
        try requirePolicy(halted ? KillSwitchesAPI.halting : KillSwitchesAPI.lifting, on: uid, context)
        let event = SecurityEvent(
            kind, subject: act.subject, sessionID: act.sessionID, at: act.at, requestID: act.requestID,
            fields: ["entity": .string(uid.description), "stated_reason": .string(reason)])
        let found = try await entities.change(
            { reader in
                guard var entity = try reader.entity(uid) else { throw Problem.notFound() }
                if entity.attributes[KillSwitchesAPI.attribute] == .bool(halted) { return nil }
                let others = entity.attributes.fields.filter { $0.name != KillSwitchesAPI.attribute }
                    .map { ($0.name, $0.value) }
                entity.attributes = Record(others + [(KillSwitchesAPI.attribute, .bool(halted))])
                return EntityRecords.Change(put: [entity], event: event)
            }, at: act.at, by: act.subject)
        try await changes.committed()
        return .json([
            "type": .string(uid.type.text), "id": .string(uid.id.string), "halted": .bool(halted),
            "changed": .bool(found != nil),
        ])
    }
}
