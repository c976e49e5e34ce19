import StrictJSON
import TestSupport

/// The replicas of token-service as a client sees them: it asks the next one when one does not answer or says 503.
struct ClientPool: Sendable {
    let replicas: [TestHTTP]

    struct Reply: Sendable {
        /// nil when nobody gave an answer other than 503 in time.
        let answer: TestHTTP.Answer?
        /// How many replicas were asked, one after the other.
        let attempts: Int
        let sentAt: ContinuousClock.Instant
    }

    /// - Parameters:
    ///   - first: the replica that is asked first.
    ///   - patience: after so long nobody is asked again.
    func ask(
        first: Int, _ method: String, _ path: String, json: JSONValue? = nil, form: [String: String]? = nil,
        token: String? = nil, basic: (String, String)? = nil, patience: Duration
    ) async -> Reply {
        let began = ContinuousClock.now
        var attempts = 0
        while true {
            let replica = replicas[(first + attempts) % replicas.count]
            attempts += 1
            let answer = try? await replica.call(
                method, path, json: json, form: form, token: token, basic: basic, timeout: .seconds(3))
            if let answer, answer.status != 503 { return Reply(answer: answer, attempts: attempts, sentAt: began) }
            guard .now - began < patience, !Task.isCancelled else {
                return Reply(answer: nil, attempts: attempts, sentAt: began)
            }
            try? await Task.sleep(for: .milliseconds(attempts % replicas.count == 0 ? 250 : 20))
        }
    }
}
