import APISecurity
import Cedar
import Contracts
import Hummingbird
import SecurityClient
import StrictJSON

/// `/v1/policies`: versions of the set, and which one is decided by.
struct PoliciesAPI: Sendable {
    let versions: VersionStore
    let point: DecisionPoint
    let changes: Changes
    let fourEyes: Bool

    func register(on router: SecureRouter) {
        var large = RouteOptions(bodyLimit: RouteOptions.maximumBodyLimit)
        large.jsonLimits.maxMembers = 1_000_000
        router.get("/v1/policies/versions", .permission(.readPolicies), use: list)
        router.post("/v1/policies/versions", .privileged(.writePolicies), options: large, use: store)
        router.get("/v1/policies/versions/{version}", .permission(.readPolicies), use: show)
        router.get("/v1/policies/versions/{version}/diff", .permission(.readPolicies), use: diff)
        router.post("/v1/policies/check", .permission(.readPolicies), options: large, use: check)
        router.get("/v1/policies/activations", .permission(.readPolicies), use: activations)
        router.post("/v1/policies/activations", .privileged(.activatePolicies), use: propose)
        router.post("/v1/policies/activations/{activation}/approve", .privileged(.activatePolicies), use: approve)
        router.post("/v1/policies/activations/{activation}/reject", .privileged(.activatePolicies), use: reject)
        router.post("/v1/policies/rollback", .privileged(.activatePolicies), use: rollback)
    }

    // MARK: Versions

    @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow("limit", "cursor")
        let page = try Page(context.query)
        let found = try await versions.versions(before: try page.before(), limit: page.limit + 1)
        let shown = found.prefix(page.limit)
        return .json([
            "versions": .array(shown.map { $0.json() }),
            "next_cursor": found.count > page.limit ? Page.next(shown.last?.number) : .null,
        ])
    }

    @Sendable func show(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        return .json(try await wanted(context).json())
    }

    /// Stores a set that reads, validates and passes its tests; else says everything that is wrong and stores nothing.
    @Sendable func store(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        var fields = try await request.fields(context)
        let files = fields.object("files")
        let reason = fields.string("reason", length: 1...512, pattern: .printable)
        let base = fields.optionalInt("base_version", in: 1...Int.max).map { Int64($0) }
        try fields.finish()
        let content = try PolicyContent(json: .object(files))
        let checks = await PoliciesAPI.checks(of: content)
        guard checks.isValid else { throw PoliciesAPI.invalid(checks) }
        let version = try await versions.store(content, base: base, reason: reason, act)
        changes.nudge()
        var answer = version.json(withFiles: false)
        answer["warnings"] = .array(checks.warnings.map(\.json))
        var response = Response.json(.object(answer), status: .created)
        response.headers[.location] = "/v1/policies/versions/\(version.number)"
        return response
    }

    /// Says what is wrong with a set without storing it.
    @Sendable func check(_ request: Request, _ context: APIContext) async throws -> Response {
        var fields = try await request.fields(context)
        let files = fields.object("files")
        try fields.finish()
        return .json(await PoliciesAPI.checks(of: try PolicyContent(json: .object(files))).json)
    }

    /// What differs from another version, or from the active one, file by file.
    @Sendable func diff(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow("against")
        let version = try await wanted(context)
        let against: PolicyVersion?
        if let text = context.query["against"] {
            guard let number = Int64(text) else { throw Problem.badRequest("bad-version") }
            against = try await versions.version(number)
        } else {
            against = try await versions.version(try point.snapshot().policies.version)
        }
        guard let against, let before = against.content, let after = version.content else { throw Problem.notFound() }
        return .json([
            "version": .int(version.number), "against": .int(against.number),
            "files": .array(PolicyDiff.between(before, after).map(\.json)),
        ])
    }

    private func wanted(_ context: APIContext) async throws -> PolicyVersion {
        guard let number = Int64(try context.parameters.require("version")),
            let version = try await versions.version(number)
        else { throw Problem.notFound() }
        return version
    }

    /// Checking a large set takes a while: not on an event loop.
    private static func checks(of content: PolicyContent) async -> PolicyChecks {
        await OffLoop.run { PolicyChecks.run(content) }
    }

    private static func invalid(_ checks: PolicyChecks) -> Problem {
        var problem = Problem.unprocessable(
            "invalid-policies", title: "The policies are not valid", detail: checks.errors.first?.message)
        if let report = checks.json.object {
            problem.extensions = report
        }
        return problem
    }

    // MARK: Activation

    @Sendable func activations(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow("limit", "cursor")
        let page = try Page(context.query)
        let found = try await versions.activations(before: try page.before(), limit: page.limit + 1)
        let shown = found.prefix(page.limit)
        let active = point.snapshotIfAny?.policies
        return .json([
            "active": active.map { ["version": .int($0.version), "sequence": .int($0.sequence)] } ?? .null,
            "activations": .array(shown.map { $0.json() }),
            "next_cursor": found.count > page.limit ? Page.next(shown.last?.id) : .null,
        ])
    }

    /// Proposes a version; with four eyes off it is decided by at once.
    @Sendable func propose(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        var fields = try await request.fields(context)
        let number = Int64(fields.int("version", in: 1...Int.max))
        let reason = fields.string("reason", length: 1...512, pattern: .printable)
        try fields.finish()
        try await requireFit(number)
        var activation = try await versions.propose(number, kind: .activate, reason: reason, act)
        if !fourEyes, let active = try await versions.approve(activation.id, fourEyes: false, act) {
            activation = active
        }
        try await changes.activated()
        return .json(activation.json(), status: .created)
    }

    @Sendable func approve(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        let id = try activationID(context)
        if let proposed = try await versions.activation(id), proposed.state == .proposed {
            try await requireFit(proposed.version)
        }
        guard let activation = try await versions.approve(id, fourEyes: fourEyes, act) else {
            throw Problem.notFound()
        }
        try await changes.activated()
        return .json(activation.json())
    }

    @Sendable func reject(_ request: Request, _ context: APIContext) async throws -> Response {
        guard let activation = try await versions.reject(try activationID(context), try context.act()) else {
            throw Problem.notFound()
        }
        changes.nudge()
        return .json(activation.json())
    }

    /// Goes back to what was decided by before the present activation, at once and by one person: the way out of a set
    /// that does harm must be short. It is a new activation, with a higher number.
    @Sendable func rollback(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        var fields = try await request.fields(context)
        let reason = fields.string("reason", length: 1...512, pattern: .printable)
        try fields.finish()
        let last = try await versions.active(last: 2)
        guard last.count == 2 else {
            throw Problem.conflict("nothing-before", title: "There is no set to go back to")
        }
        try await requireFit(last[1].version)
        let activation = try await versions.activateAtOnce(last[1].version, kind: .rollback, reason: reason, act)
        try await changes.activated()
        return .json(activation.json(), status: .created)
    }

    /// The stored entities must conform to the schema of what is to be decided by.
    private func requireFit(_ number: Int64) async throws {
        guard let content = try await versions.version(number)?.content else {
            throw Problem.unprocessable("no-such-version", title: "There is no such version")
        }
        let stored = try point.snapshot().storedEntities
        let issues = try await OffLoop.run { () throws -> [ValidationIssue] in
            let schema = try LoadedPolicies(content).schema
            return Validator(schema: schema, mode: .strict).validate(entities: try Entities(stored))
        }
        guard let first = issues.first else { return }
        var problem = Problem.conflict(
            "entities-do-not-fit", title: "Stored entities do not conform to the schema of this version",
            detail: first.message)
        problem.extensions = ["errors": .array(issues.prefix(100).map { .string($0.message) })]
        throw problem
    }

    private func activationID(_ context: APIContext) throws -> Int64 {
        guard let id = Int64(try context.parameters.require("activation")) else { throw Problem.notFound() }
        return id
    }
}

extension PolicyVersion {
    func json(withFiles: Bool) -> JSONObject {
        var object: JSONObject = [
            "version": .int(number), "digest": .string(digest), "reason": .string(reason),
            "created_at": .string(RFC3339.string(milliseconds: createdAt)),
        ]
        object["author"] = author.map { .string($0) }
        object["base_version"] = base.map { .int($0) }
        if withFiles { object["files"] = content?.json }
        return object
    }

    func json() -> JSONValue { .object(json(withFiles: true)) }
}

extension Activation {
    func json() -> JSONValue {
        var object: JSONObject = [
            "id": .int(id), "version": .int(version), "kind": .string(kind.rawValue),
            "state": .string(state.rawValue), "reason": .string(reason),
            "proposed_at": .string(RFC3339.string(milliseconds: proposedAt)),
        ]
        object["sequence"] = sequence.map { .int($0) }
        object["proposed_by"] = proposedBy.map { .string($0) }
        object["decided_by"] = decidedBy.map { .string($0) }
        object["decided_at"] = decidedAt.map { .string(RFC3339.string(milliseconds: $0)) }
        return .object(object)
    }
}

extension Page {
    /// The number below which this page begins: lists run from the newest to the oldest.
    func before() throws(Problem) -> Int64 {
        guard let cursor else { return .max }
        guard let number = cursor.int else {
            throw .badRequest("bad-cursor", detail: "The cursor is none of ours.")
        }
        return number
    }

    static func next(_ number: Int64?) -> JSONValue { number.map { .string(cursor(.int($0))) } ?? .null }
}
