import APISecurity
import Cedar
import Contracts
import Foundation
import Hummingbird
import SecurityClient
import StrictJSON

/// `/v1/entities`: whom and what policies speak of.
struct EntitiesAPI: Sendable {
    /// Entities that one request changes.
    static let batch = 1_000

    let entities: EntityRecords
    let point: DecisionPoint
    let changes: Changes

    func register(on router: SecureRouter) {
        var large = RouteOptions(bodyLimit: RouteOptions.maximumBodyLimit)
        large.jsonLimits.maxMembers = 1_000_000
        router.get("/v1/entities", .permission(.readEntities), use: list)
        router.get("/v1/entities/{type}/{id}", .permission(.readEntities), use: show)
        router.post("/v1/entities", .privileged(.writeEntities), options: large, use: change)
    }

    @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow("limit", "cursor", "type")
        let page = try Page(context.query)
        var place: (type: String, id: String)?
        if let cursor = page.cursor {
            guard let parts = cursor.strings, parts.count == 2 else {
                throw Problem.badRequest("bad-cursor", detail: "The cursor is none of ours.")
            }
            place = (parts[0], parts[1])
        }
        let found = try await entities.page(
            type: context.query["type"], after: place, limit: page.limit + 1)
        let shown = found.prefix(page.limit)
        let next = found.count > page.limit ? shown.last?.uid : nil
        return .json([
            "entities": .array(try shown.map { try $0.json }),
            "next_cursor": next.map { JSONValue.string(Page.cursor([.string($0.type.text), .string($0.id.string)])) }
                ?? .null,
        ])
    }

    @Sendable func show(_ request: Request, _ context: APIContext) async throws -> Response {
        guard let entity = try await entities.entity(try context.entityUID()) else { throw Problem.notFound() }
        return .json(try entity.json)
    }

    /// Puts and removes entities, all or none. What they are afterwards must conform to the active schema.
    @Sendable func change(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        var fields = try await request.fields(context)
        let put = fields.optionalObjectArray("put", count: 0...EntitiesAPI.batch) ?? []
        let removed = fields.optionalObjectArray("removed", count: 0...EntitiesAPI.batch) ?? []
        let reason = fields.string("reason", length: 1...256, pattern: .printable)
        try fields.finish()
        let schema = try point.snapshot().policies.loaded.schema
        let new: [Entity]
        let gone: [EntityUID]
        do {
            new = try put.map { try Entity(json: .object($0), schema: schema) }
            gone = try removed.map { try EntityUID(json: .object($0)) }
        } catch let faults as Diagnostics {
            throw Problem.unprocessable(
                "invalid-entities", title: "The entities cannot be read", detail: faults.all.first?.description)
        }
        guard !new.isEmpty || !gone.isEmpty, Set(new.map(\.uid)).union(gone).count == new.count + gone.count else {
            throw Problem.badRequest("invalid-body", detail: "Each entity is put or removed once.")
        }
        try EntityRules.check(new, removed: gone, point: point)
        let event = SecurityEvent(
            .entitiesChanged, subject: act.subject, sessionID: act.sessionID, reason: nil, at: act.at,
            requestID: act.requestID,
            fields: [
                "put": .array(new.prefix(100).map { .string($0.uid.description) }),
                "removed": .array(gone.prefix(100).map { .string($0.description) }),
                "count": .int(Int64(new.count + gone.count)), "stated_reason": .string(reason),
            ])
        let sequence = try await entities.change(
            { _ in EntityRecords.Change(put: new, removed: gone, event: event) }, at: act.at, by: act.subject)
        try await changes.committed()
        return .json(["sequence": .int(sequence ?? 0)])
    }
}

/// What must hold of entities before they are stored.
enum EntityRules {
    /// - Throws: `Diagnostics` when they do not conform to the schema, or would be among their own ancestors; `Problem`
    ///   when they are actions, which only a schema makes.
    static func check(_ put: [Entity], removed: [EntityUID], point: DecisionPoint) throws {
        let snapshot = try point.snapshot()
        if let action = (put.map(\.uid) + removed).first(where: \.isAction) {
            throw Problem.unprocessable(
                "invalid-entities", title: "Actions are made by the schema", detail: "\(action)")
        }
        let issues = Validator(schema: snapshot.policies.loaded.schema, mode: .strict)
            .validate(entities: try Entities(put))
        if !issues.isEmpty {
            var problem = Problem.unprocessable(
                "invalid-entities", title: "The entities do not conform to the schema", detail: issues[0].message)
            problem.extensions = ["errors": .array(issues.prefix(100).map { .string($0.message) })]
            throw problem
        }
        do {
            _ = try snapshot.store.updating(put, removing: removed)
        } catch {
            throw Problem.unprocessable(
                "invalid-entities", title: "An entity would be in itself", detail: "\(error)")
        }
    }
}

extension APIContext {
    /// The entity that the path names.
    func entityUID() throws -> EntityUID {
        guard let type = Name(try parameters.require("type")) else { throw Problem.notFound() }
        return EntityUID(type: type, id: CedarString(try parameters.require("id")))
    }
}
