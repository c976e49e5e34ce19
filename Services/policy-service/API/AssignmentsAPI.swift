import APISecurity
import Contracts
import Hummingbird
import SecurityClient
import StrictJSON

/// `/v1/assignments`: who was given which role.
struct AssignmentsAPI: Sendable {
    let assignments: AssignmentStore
    let people: any PeopleDirectory
    let changes: RoleChanges
    let clock: @Sendable () -> Int64

    func register(on router: SecureRouter) {
        router.get("/v1/assignments", .permission(.readRoles), use: list)
        router.get("/v1/assignments/{assignment}", .permission(.readRoles), use: show)
        router.post("/v1/assignments", .privileged(.writeAssignments), use: assign)
        // Taking a role away takes risk away: it has to go through.
        router.delete("/v1/assignments/{assignment}", .permission(.endAssignments), use: end)
    }

    @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow("limit", "cursor", "subject", "role", "state")
        let page = try Page(context.query)
        var filter = AssignmentStore.Filter(
            subject: try context.identifier("subject"), role: try context.identifier("role"))
        if let state = context.query["state"] {
            guard let condition = RoleAssignment.Condition(rawValue: state) else {
                throw Problem.badRequest("bad-query", detail: "state is scheduled, active, ended or expired.")
            }
            filter.condition = condition
        }
        let now = clock()
        let found = try await assignments.page(filter, before: try page.before(), limit: page.limit + 1, now: now)
        let shown = found.prefix(page.limit)
        return .json([
            "assignments": .array(shown.map { $0.json(now: now) }),
            "next_cursor": found.count > page.limit ? Page.next(shown.last?.id) : .null,
        ])
    }

    @Sendable func show(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        guard let assignment = try await assignments.assignment(try context.number("assignment")) else {
            throw Problem.notFound()
        }
        return .json(assignment.json(now: clock()))
    }

    @Sendable func assign(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        var fields = try await request.fields(context)
        let wanted = WantedRole(
            subject: fields.string("subject", length: 1...128, pattern: .identifier),
            role: fields.string("role", length: 1...64, pattern: .identifier), scope: fields.roleScope(),
            period: RolePeriod(startsAt: fields.optionalTime("starts_at"), endsAt: fields.optionalTime("ends_at")),
            reason: fields.string("reason", length: 1...512, pattern: .printable))
        try fields.finish()
        guard wanted.subject != act.subject else { throw RoleFault.ownAssignment }
        let account = try await people.account(of: wanted.subject)
        let assignment = try await assignments.assign(wanted, account: account, act)
        try await changes.committed()
        var response = Response.json(assignment.json(now: act.at), status: .created)
        response.headers[.location] = "/v1/assignments/\(assignment.id)"
        return response
    }

    /// Ends it at once. What is over already is answered as it is.
    @Sendable func end(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        var fields = try await request.optionalFields(context)
        let reason = fields.optionalString("reason", length: 1...512, pattern: .printable)
        try fields.finish()
        guard let ended = try await assignments.end(try context.number("assignment"), reason: reason, act) else {
            throw Problem.notFound()
        }
        try await changes.committed()
        return .json(ended.json(now: act.at))
    }
}

extension RoleAssignment {
    func json(now: Int64) -> JSONValue {
        var object: JSONObject = [
            "id": .int(id), "subject": .string(subject), "role": .string(role),
            "state": .string(condition(at: now).rawValue), "reason": .string(reason),
            "created_at": .string(RFC3339.string(milliseconds: createdAt)),
        ]
        object["scope"] = scope?.json
        object["starts_at"] = startsAt.map { .string(RFC3339.string(milliseconds: $0)) }
        object["ends_at"] = endsAt.map { .string(RFC3339.string(milliseconds: $0)) }
        object["elevation"] = elevation.map { .int($0) }
        object["created_by"] = createdBy.map { .string($0) }
        object["ended_by"] = endedBy.map { .string($0) }
        object["ended_at"] = endedAt.map { .string(RFC3339.string(milliseconds: $0)) }
        object["end_reason"] = endReason.map { .string($0) }
        return .object(object)
    }
}
