import APISecurity
import HTTPTypes
import Hummingbird
import RateLimits
import StrictJSON

/// How decisions are told: each limit, and the header fields ready to be copied into the caller's own response.
enum Answers {
    /// Members of a decision, in the object that is open.
    /// - Parameter jitter: 0 to 1; see `RateLimitFields`.
    static func write(_ decision: Decision, jitter: Double, to json: inout JSONWriter) {
        let isAllowed = decision.isAllowed
        json.key("allowed")
        json.bool(isAllowed)
        if decision.source == .local {
            json.key("source")
            json.string(decision.source.rawValue)
        }
        var statuses: [LimitStatus] = []
        statuses.reserveCapacity(decision.verdicts.count)
        json.key("limits")
        json.beginArray()
        for verdict in decision.verdicts {
            let outcome = verdict.outcome
            let isShadow = verdict.applied.limit.shadow
            let status = LimitStatus(verdict.applied, outcome: outcome)
            if !isShadow { statuses.append(status) }
            json.beginObject()
            json.key("name")
            json.string(status.name)
            json.key("limit")
            json.int(status.quantity)
            json.key("remaining")
            json.int(outcome.remaining)
            json.key("reset_ms")
            json.int(outcome.reset)
            if !outcome.admitted {
                json.key("admitted")
                json.bool(false)
                if let retryAfter = outcome.retryAfter {
                    json.key("retry_after_ms")
                    json.int(retryAfter)
                }
            }
            if isShadow {
                json.key("shadow")
                json.bool(true)
            }
            json.endObject()
        }
        json.endArray()
        let fields = RateLimitFields(statuses)
        json.key("headers")
        json.beginObject()
        for field in fields.fields(jitter: jitter) {
            json.key(field.name)
            json.string(field.value)
        }
        json.endObject()
        if !isAllowed { write(refusal: fields, decision, to: &json) }
    }

    /// The problem that the caller can answer with (draft-ietf-httpapi-ratelimit-headers, section "Problem Types").
    private static func write(refusal fields: RateLimitFields, _ decision: Decision, to json: inout JSONWriter) {
        let problem = decision.source == .local ? LimitProblem.temporaryReducedCapacity : fields.problem
        json.key("problem")
        json.beginObject()
        json.key("type")
        json.string((problem ?? .quotaExceeded).type)
        json.key("status")
        json.int(problem == .temporaryReducedCapacity ? 503 : 429)
        json.key("violated-policies")
        json.beginArray()
        for name in fields.violated { json.string(name) }
        json.endArray()
        json.endObject()
    }

    static func one(_ decision: Decision, jitter: Double) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + decision.verdicts.count * 160)
        json.beginObject()
        write(decision, jitter: jitter, to: &json)
        json.endObject()
        return json.bytes
    }

    static func response(_ body: [UInt8]) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    /// For header fields: 0 to 1.
    static func jitter() -> Double { Double.random(in: 0..<1) }
}
