import APISecurity
import Contracts
import Hummingbird
import SecurityClient
import StrictJSON

/// `/v1/elevations`: a role for a while, asked for by one person and granted by another.
struct ElevationsAPI: Sendable {
    let elevations: ElevationStore
    let people: any PeopleDirectory
    let changes: RoleChanges
    let clock: @Sendable () -> Int64

    func register(on router: SecureRouter) {
        let path = "/v1/elevations/{elevation}"
        router.get("/v1/elevations", .permission(.readRoles), use: list)
        router.get(path, .permission(.readRoles), use: show)
        router.post("/v1/elevations", .privileged(.requestElevations), use: ask)
        router.post(path + "/approve", .privileged(.approveElevations), use: approve)
        router.post(path + "/reject", .privileged(.approveElevations), use: reject)
        // Ending one takes risk away: it has to go through.
        router.post(path + "/end", .permission(.endElevations), use: end)
    }

    @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow("limit", "cursor", "subject", "state")
        let page = try Page(context.query)
        var state: Elevation.State?
        if let text = context.query["state"] {
            state = Elevation.State(rawValue: text)
            if state == nil {
                let known = Elevation.State.allCases.map(\.rawValue).joined(separator: ", ")
                throw Problem.badRequest("bad-query", detail: "state is one of \(known).")
            }
        }
        let now = clock()
        let found = try await elevations.page(
            subject: try context.identifier("subject"), state: state, before: try page.before(), limit: page.limit + 1,
            now: now)
        let shown = found.prefix(page.limit)
        return .json([
            "elevations": .array(shown.map { $0.json(now: now) }),
            "next_cursor": found.count > page.limit ? Page.next(shown.last?.id) : .null,
        ])
    }

    @Sendable func show(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        guard let elevation = try await elevations.elevation(try context.number("elevation")) else {
            throw Problem.notFound()
        }
        return .json(elevation.json(now: clock()))
    }

    @Sendable func ask(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        let identity = try context.requireIdentity()
        var fields = try await request.fields(context)
        let wanted = ElevationStore.Wanted(
            subject: identity.subject, role: fields.string("role", length: 1...64, pattern: .identifier),
            scope: fields.roleScope(), duration: Int64(fields.int("seconds", in: 1...86_400)) * 1_000,
            reason: fields.string("reason", length: 1...512, pattern: .printable))
        try fields.finish()
        guard !identity.isService else {
            throw Problem.forbidden("people-only", detail: "Services have their permissions by name.")
        }
        let elevation = try await elevations.request(wanted, by: try context.heldRoles(), act)
        changes.nudge()
        var response = Response.json(elevation.json(now: act.at), status: .created)
        response.headers[.location] = "/v1/elevations/\(elevation.id)"
        return response
    }

    @Sendable func approve(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        let reason = try await reason(request, context)
        guard let wanted = try await elevations.elevation(try context.number("elevation")) else {
            throw Problem.notFound()
        }
        // What is plainly refused is, before anybody is asked who the person is.
        _ = try wanted.approved(by: act.subject ?? "", reason: reason, at: act.at)
        let account = try await people.account(of: wanted.subject)
        guard
            let elevation = try await elevations.approve(
                wanted.id, reason: reason, by: try context.heldRoles(), account: account, act)
        else { throw Problem.notFound() }
        try await changes.committed()
        return .json(elevation.json(now: act.at))
    }

    @Sendable func reject(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        let reason = try await reason(request, context)
        guard
            let elevation = try await elevations.reject(
                try context.number("elevation"), reason: reason, by: try context.heldRoles(), act)
        else { throw Problem.notFound() }
        changes.nudge()
        return .json(elevation.json(now: act.at))
    }

    /// The holder gives it back, or takes her request back; or somebody takes it away.
    @Sendable func end(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        let reason = try await reason(request, context)
        guard let elevation = try await elevations.end(try context.number("elevation"), reason: reason, act) else {
            throw Problem.notFound()
        }
        try await changes.committed()
        return .json(elevation.json(now: act.at))
    }

    private func reason(_ request: Request, _ context: APIContext) async throws -> String? {
        var fields = try await request.optionalFields(context)
        let reason = fields.optionalString("reason", length: 1...512, pattern: .printable)
        try fields.finish()
        return reason
    }
}

extension Elevation {
    func json(now: Int64) -> JSONValue {
        let shown = passing(to: now)
        var object: JSONObject = [
            "id": .int(id), "subject": .string(subject), "role": .string(role), "seconds": .int(duration / 1_000),
            "reason": .string(reason), "state": .string(shown.state.rawValue),
            "requested_at": .string(RFC3339.string(milliseconds: requestedAt)),
            "lapses_at": .string(RFC3339.string(milliseconds: lapsesAt)),
        ]
        object["scope"] = scope?.json
        object["decided_by"] = decidedBy.map { .string($0) }
        object["decided_at"] = decidedAt.map { .string(RFC3339.string(milliseconds: $0)) }
        object["decision_reason"] = decisionReason.map { .string($0) }
        object["ends_at"] = endsAt.map { .string(RFC3339.string(milliseconds: $0)) }
        object["ended_by"] = endedBy.map { .string($0) }
        object["ended_at"] = shown.endedAt.map { .string(RFC3339.string(milliseconds: $0)) }
        object["assignment"] = assignment.map { .int($0) }
        return .object(object)
    }
}
