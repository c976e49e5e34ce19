import APISecurity
import Hummingbird
import RateLimits
import StrictJSON

/// `POST /v1/check`: whether requests are within their limits. One that is is charged.
struct CheckAPI: Sendable {
    /// Questions in one request.
    static let batch = 100

    let limiter: Limiter

    func register(on router: SecureRouter) {
        let head = router.hotHead(.ok, [.contentType: "application/json", .cacheControl: "no-store"])
        router.hot(
            .post, "/v1/check", .permission(.checkLimits), lean: { check($0, head) }, use: check)
    }

    /// For single questions, which nearly all are: the script's answer comes on the event loop of the connection.
    private func check(_ call: HotCall, _ head: HotHead) {
        guard let object = call.json()?.object, let question = Question(plain: object) else { return call.passOn() }
        let isAsked = limiter.checkAtOnce(question.descriptors, cost: question.cost) { decision in
            guard let decision else { return call.passOn() }
            call.answer(head, Answers.one(decision, jitter: Answers.jitter()))
        }
        if !isAsked { call.passOn() }
    }

    @Sendable func check(_ request: Request, _ context: APIContext) async throws -> Response {
        let body = try await request.json(context)
        guard let object = body.object else {
            throw Problem.badRequest("invalid-body", detail: "an object is expected")
        }
        guard object["checks"] != nil else {
            let question = try CheckAPI.question(object, at: "")
            let decision = await limiter.check(question.descriptors, cost: question.cost)
            return Answers.response(Answers.one(decision, jitter: Answers.jitter()))
        }
        let decisions = await answer(try CheckAPI.questions(object))
        var json = JSONWriter(capacity: decisions.count * 400)
        json.beginObject()
        json.key("results")
        json.beginArray()
        for decision in decisions {
            json.beginObject()
            Answers.write(decision, jitter: Answers.jitter(), to: &json)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return Answers.response(json.bytes)
    }

    private static func question(_ object: JSONObject, at pointer: String) throws(Problem) -> Question {
        if let question = Question(plain: object) { return question }
        var fields = BodyFields(object, at: pointer)
        let question = Question(reading: &fields)
        try fields.finish()
        return question
    }

    private static func questions(_ object: JSONObject) throws(Problem) -> [Question] {
        var fields = BodyFields(object)
        var questions: [Question] = []
        for (index, one) in fields.objectArray("checks", count: 1...CheckAPI.batch).enumerated() {
            if let question = Question(plain: one) {
                questions.append(question)
                continue
            }
            var inner = BodyFields(one, at: "/checks/\(index)")
            questions.append(Question(reading: &inner))
            fields.take(inner)
        }
        try fields.finish()
        return questions
    }

    /// Each question is decided by itself; all travel to Redis together.
    private func answer(_ questions: [Question]) async -> [Decision] {
        let atOnce = await BatchOfChecks.run(questions, limiter)
        var decisions: [Decision] = []
        decisions.reserveCapacity(questions.count)
        for (question, decision) in zip(questions, atOnce) {
            if let decision {
                decisions.append(decision)
            } else {
                decisions.append(await limiter.check(question.descriptors, cost: question.cost))
            }
        }
        return decisions
    }
}

/// Checks that are sent in one go from one event loop, so that they share a write and a read.
private final class BatchOfChecks {
    private var decisions: [Decision?]
    private var waiting: Int
    private let continuation: UnsafeContinuation<[Decision?], Never>

    private init(count: Int, _ continuation: UnsafeContinuation<[Decision?], Never>) {
        decisions = Array(repeating: nil, count: count)
        // One for the loop that sends them.
        waiting = 1
        self.continuation = continuation
    }

    /// - Returns: nil for those that have to go the ordinary way.
    static func run(_ questions: [Question], _ limiter: Limiter) async -> [Decision?] {
        await withUnsafeContinuation { continuation in
            let batch = BatchOfChecks(count: questions.count, continuation)
            for (index, question) in questions.enumerated() {
                batch.waiting += 1
                let isAsked = limiter.checkAtOnce(question.descriptors, cost: question.cost) { decision in
                    batch.decisions[index] = decision
                    batch.oneIsDone()
                }
                if !isAsked { batch.oneIsDone() }
            }
            batch.oneIsDone()
        }
    }

    private func oneIsDone() {
        waiting -= 1
        if waiting == 0 { continuation.resume(returning: decisions) }
    }
}
