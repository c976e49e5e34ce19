import APISecurity
import Hummingbird
import RateLimits
import Redis
import StrictJSON

/// `POST /v1/reserve`, `/v1/commit`, `/v1/refund`: costs that are known only afterwards.
struct ReserveAPI: Sendable {
    static let expiry: ClosedRange<Int> = 100...3_600_000

    let reservations: Reservations

    func register(on router: SecureRouter) {
        router.post("/v1/reserve", .permission(.checkLimits), use: reserve)
        router.post("/v1/commit", .permission(.checkLimits), use: commit)
        router.post("/v1/refund", .permission(.checkLimits), use: refund)
    }

    @Sendable func reserve(_ request: Request, _ context: APIContext) async throws -> Response {
        let key = try IdempotencyKey.of(request)
        var fields = try await request.fields(context)
        let question = Question(reading: &fields)
        let expires = Int64(fields.optionalInt("expires_ms", in: ReserveAPI.expiry) ?? 60_000)
        try fields.finish()
        let (decision, id) = await reservations.reserve(
            question.descriptors, cost: question.cost, expires: expires, owner: try context.owner(), key: key?.value)
        var json = JSONWriter(capacity: 512)
        json.beginObject()
        Answers.write(decision, jitter: Answers.jitter(), to: &json)
        if decision.isAllowed {
            json.key("reservation")
            json.string(id.description)
            json.key("expires_ms")
            json.int(expires)
        }
        json.endObject()
        return Answers.response(json.bytes)
    }

    @Sendable func commit(_ request: Request, _ context: APIContext) async throws -> Response {
        var fields = try await request.fields(context)
        let id = fields.recordID("reservation")
        let cost = Int64(fields.int("cost", in: 0...Int(Bounds.cost)))
        try fields.finish()
        return try await settle(id, .committed, cost, context)
    }

    @Sendable func refund(_ request: Request, _ context: APIContext) async throws -> Response {
        var fields = try await request.fields(context)
        let id = fields.recordID("reservation")
        try fields.finish()
        return try await settle(id, .refunded, 0, context)
    }

    private func settle(
        _ id: RecordID, _ state: Settlement.State, _ amount: Int64, _ context: APIContext
    ) async throws -> Response {
        let settlement = try await reservations.settle(id, owner: try context.owner(), state, amount: amount)
        let settled = try LimitProblems.require(settlement, "reservation")
        return .json(["state": .string(settled.state.rawValue), "cost": .int(settled.amount)])
    }
}

extension APIContext {
    /// Whose reservations and leases a caller's are.
    func owner() throws(Problem) -> String {
        // Every route here needs a permission, which nobody has without an identity.
        guard let identity else { throw Problem.forbidden() }
        return identity.subject
    }
}

extension BodyFields {
    /// The id of a reservation or lease; its stand-in has no records.
    mutating func recordID(_ name: String) -> RecordID {
        let text = string(name, length: 1...4_096)
        if let id = RecordID(text) { return id }
        if !text.isEmpty { reject(name, "an id that was given here is expected") }
        return RecordID(name: "", tags: [])
    }
}
