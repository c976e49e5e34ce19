import APISecurity
import Hummingbird
import RateLimits
import StrictJSON

/// `POST /v1/leases`, `/v1/leases/return`: blocks of permits for limiters within other processes.
struct LeasesAPI: Sendable {
    static let permits = 1...10_000

    let leases: Leases

    func register(on router: SecureRouter) {
        router.post("/v1/leases", .permission(.checkLimits), use: grant)
        router.post("/v1/leases/return", .permission(.checkLimits), use: giveBack)
    }

    @Sendable func grant(_ request: Request, _ context: APIContext) async throws -> Response {
        var fields = try await request.fields(context)
        let question = Question(reading: &fields)
        let wanted = fields.optionalInt("permits", in: LeasesAPI.permits).map { Int64($0) }
        var previous: (id: RecordID, unused: Int64)?
        if let object = fields.optionalObject("previous") {
            var inner = BodyFields(object, at: "/previous")
            previous = (inner.recordID("lease"), Int64(inner.int("unused", in: 0...LeasesAPI.permits.upperBound)))
            fields.take(inner)
        }
        try fields.finish()
        let owner = try context.owner()
        if let previous, previous.unused > 0 {
            // What cannot be given back stays charged: that is no reason to refuse what is asked for now.
            _ = try? await leases.giveBack(previous.id, owner: owner, unused: previous.unused)
        }
        guard
            let grant = await leases.grant(
                question.descriptors, cost: question.cost, wanted: wanted, unused: previous?.unused ?? 0, owner: owner)
        else {
            throw Problem.conflict(
                "not-leasable", title: "Permits that are held at the same time cannot be leased",
                detail: "Reserve them instead.")
        }
        let decision = grant.decision
        var json = JSONWriter(capacity: 512)
        json.beginObject()
        Answers.write(decision, jitter: Answers.jitter(), to: &json)
        json.key("permits")
        json.int(decision.isAllowed ? decision.permits : 0)
        if decision.isAllowed {
            json.key("lease")
            json.string(grant.id.description)
            json.key("spend_within_ms")
            json.int(decision.life)
        }
        json.endObject()
        return Answers.response(json.bytes)
    }

    @Sendable func giveBack(_ request: Request, _ context: APIContext) async throws -> Response {
        var fields = try await request.fields(context)
        let id = fields.recordID("lease")
        let unused = Int64(fields.int("unused", in: LeasesAPI.permits))
        try fields.finish()
        let settlement = try await leases.giveBack(id, owner: try context.owner(), unused: unused)
        let settled = try LimitProblems.require(settlement, "lease")
        return .json(["state": .string(settled.state.rawValue), "returned": .int(settled.amount)])
    }
}
