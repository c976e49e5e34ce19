import APISecurity
import Contracts
import Hummingbird
import SecurityClient
import StrictJSON

/// `/v1/roles`: what each role may do.
struct RolesAPI: Sendable {
    let roles: RoleStore
    let assignments: AssignmentStore
    let people: any PeopleDirectory
    let changes: RoleChanges

    func register(on router: SecureRouter) {
        router.get("/v1/roles", .permission(.readRoles), use: list)
        router.get("/v1/roles/{role}", .permission(.readRoles), use: show)
        router.put("/v1/roles/{role}", .privileged(.writeRoles), use: put)
        router.delete("/v1/roles/{role}", .privileged(.writeRoles), use: remove)
    }

    @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        let catalogue = try await roles.catalogue()
        let holders = try await roles.holders()
        let document = catalogue.json
        return .json([
            "roles": .array(
                catalogue.roles.sorted { $0.key < $1.key }.map { name, role in
                    .object(RolesAPI.json(name, role, holders: holders[name] ?? 0))
                }),
            "permissions": document["permissions"] ?? .array([]), "session_limit": document["session_limit"] ?? .null,
        ])
    }

    @Sendable func show(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        let name = try context.parameters.require("role")
        guard let role = try await roles.catalogue().roles[name] else { throw Problem.notFound() }
        return .json(.object(RolesAPI.json(name, role, holders: try await roles.holders()[name] ?? 0)))
    }

    /// Makes a role, or has it mean something else. Whoever holds it cannot make it wider.
    @Sendable func put(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        let name = try RoleNames.name("role", context)
        let (document, reason) = try await RoleNames.document(request, context)
        let wanted: RoleCatalogue.Role
        do {
            wanted = try RoleCatalogue.Role(json: .object(document), at: name)
        } catch { throw RoleFault.invalidRole("\(error)") }
        let own = try await ownRole(name, wanted, act, context)
        let sequence = try await roles.change(act) { catalogue, connection in
            let old = catalogue.roles[name]
            if old == wanted { return nil }
            if let old, own, RoleChecks.widens(old, to: wanted, catalogue) { throw RoleFault.ownRole(name) }
            if !wanted.isStanding, old?.isStanding ?? true, try RoleStore.isHeldForGood(name, connection) {
                throw RoleFault.roleInUse("It is assigned, which only an elevation could do then.")
            }
            var all = catalogue.roles
            all[name] = wanted
            let changed: RoleCatalogue
            do {
                changed = try catalogue.with(roles: all)
            } catch { throw RoleFault.invalidRole("\(error)") }
            var fields: JSONObject = ["role": .string(name), "definition": wanted.json]
            fields["before"] = old?.json
            fields["stated_reason"] = reason.map { .string($0) }
            return RoleStore.Change(catalogue: changed, kind: .roleChanged, fields: fields)
        }
        try await changes.committed()
        var answer = RolesAPI.json(name, wanted, holders: nil)
        answer["changed"] = .bool(sequence != nil)
        return .json(.object(answer))
    }

    @Sendable func remove(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        let name = try context.parameters.require("role")
        _ = try await roles.change(act) { catalogue, connection in
            guard catalogue.roles[name] != nil else { throw Problem.notFound() }
            if let place = RoleChecks.place(of: name, in: catalogue) { throw RoleFault.roleInUse(place) }
            if try RoleStore.isInUse(name, connection) {
                throw RoleFault.roleInUse("It is assigned, or asked for.")
            }
            var all = catalogue.roles
            all[name] = nil
            let changed: RoleCatalogue
            do {
                changed = try catalogue.with(roles: all)
            } catch { throw RoleFault.roleInUse("\(error)") }
            return RoleStore.Change(catalogue: changed, kind: .roleRemoved, fields: ["role": .string(name)])
        }
        try await changes.committed()
        return .noContent
    }

    /// Whether the caller has the role: by her token, by her account, or assigned. A token may leave roles out, so that
    /// it alone does not say it; who cannot be looked up changes only roles that others hold.
    private func ownRole(
        _ name: String, _ wanted: RoleCatalogue.Role, _ act: Act, _ context: APIContext
    ) async throws -> Bool {
        let catalogue = try await roles.catalogue()
        guard let subject = act.subject, let old = catalogue.roles[name],
            RoleChecks.widens(old, to: wanted, catalogue)
        else { return try context.heldRoles().names.contains(name) }
        if try context.heldRoles().names.contains(name) { return true }
        if try await assignments.roles(of: subject, now: act.at).contains(name) { return true }
        if try context.requireIdentity().isService { return false }
        do {
            return try await people.account(of: subject).contains(name)
        } catch RoleFault.unknownSubject { return false }
    }

    static func json(_ name: String, _ role: RoleCatalogue.Role, holders: Int64?) -> JSONObject {
        var object: JSONObject = ["name": .string(name)]
        for member in role.json.object?.members ?? [] { object[member.key] = member.value }
        object["holders"] = holders.map { .int($0) }
        return object
    }
}

/// How roles and constraints are named and read.
enum RoleNames {
    /// A name for something that may be new: it stands in tokens, in paths and in policies.
    static func name(_ parameter: String, _ context: APIContext) throws -> String {
        let name = try context.parameters.require(parameter)
        guard (1...64).contains(name.utf8.count),
            name.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
            )
        else {
            throw Problem.unprocessable(
                "invalid-name", title: "The name is not taken", detail: "Letters a to z, digits and - are, 64 at most.")
        }
        return name
    }

    /// What is to stand under the name, and why.
    static func document(
        _ request: Request, _ context: APIContext
    ) async throws -> (document: JSONObject, reason: String?) {
        guard var object = try await request.json(context).object else {
            throw Problem.badRequest("invalid-body", detail: "An object is expected.")
        }
        var fields = BodyFields(object)
        let reason = fields.optionalString("reason", length: 1...512, pattern: .printable)
        if let fault = fields.allFaults.first(where: { $0.pointer == "/reason" }) {
            throw Problem.badRequest("invalid-body", detail: "reason: \(fault.detail)")
        }
        object["reason"] = nil
        return (object, reason)
    }
}
