import APISecurity
import Contracts
import Hummingbird
import SecurityClient
import StrictJSON

/// `/v1/constraints`: which roles nobody holds, or uses, together.
struct ConstraintsAPI: Sendable {
    let roles: RoleStore
    let changes: RoleChanges

    func register(on router: SecureRouter) {
        router.get("/v1/constraints", .permission(.readRoles), use: list)
        router.put("/v1/constraints/{constraint}", .privileged(.writeRoles), use: put)
        router.delete("/v1/constraints/{constraint}", .privileged(.writeRoles), use: remove)
    }

    @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        return .json(["constraints": .array(try await roles.catalogue().constraints.map(\.json))])
    }

    /// Makes one, or changes it. Whoever breaks a new one already loses nothing by it at once: of roles that are not to be
    /// held together, tokens speak of the older ones from their next refresh on.
    @Sendable func put(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        let name = try RoleNames.name("constraint", context)
        let (members, reason) = try await RoleNames.document(request, context)
        var document = members
        guard (document["name"] ?? .string(name)) == .string(name) else {
            throw RoleFault.invalidConstraint("name: it is not the one of the path")
        }
        document["name"] = .string(name)
        let wanted: RoleCatalogue.Constraint
        do {
            wanted = try RoleCatalogue.Constraint(json: .object(document), at: name)
        } catch { throw RoleFault.invalidConstraint("\(error)") }
        let sequence = try await roles.change(act) { catalogue, _ in
            let old = catalogue.constraints.first { $0.name == name }
            if old == wanted { return nil }
            let changed: RoleCatalogue
            do {
                changed = try catalogue.with(constraints: catalogue.constraints.filter { $0.name != name } + [wanted])
            } catch { throw RoleFault.invalidConstraint("\(error)") }
            var fields: JSONObject = ["constraint": .string(name), "definition": wanted.json]
            fields["before"] = old?.json
            fields["stated_reason"] = reason.map { .string($0) }
            return RoleStore.Change(catalogue: changed, kind: .roleConstraintChanged, fields: fields)
        }
        try await changes.committed()
        var answer = wanted.json.object ?? [:]
        answer["changed"] = .bool(sequence != nil)
        return .json(.object(answer))
    }

    @Sendable func remove(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        let name = try context.parameters.require("constraint")
        _ = try await roles.change(act) { catalogue, _ in
            guard let old = catalogue.constraints.first(where: { $0.name == name }) else { throw Problem.notFound() }
            return RoleStore.Change(
                catalogue: try catalogue.with(constraints: catalogue.constraints.filter { $0.name != name }),
                kind: .roleConstraintRemoved, fields: ["constraint": .string(name), "before": old.json])
        }
        try await changes.committed()
        return .noContent
    }
}
