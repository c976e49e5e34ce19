/// Requests to token-service with this service's own access token.
package struct ServiceCalls: Sendable {
    package struct Answer: Sendable {
        package let status: Int
        package let body: [UInt8]
    }

    /// There was no answer, or no token to ask with.
    package struct Unanswered: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// Without a slash at its end.
    let url: String
    let transport: HTTPTransport
    let token: ServiceToken

    /// - Parameters:
    ///   - path: with a slash at its beginning.
    ///   - limit: bytes of the answer.
    package func get(
        _ path: String, limit: Int = 1 << 20, timeout: Duration = .seconds(3)
    ) async throws(Unanswered) -> Answer {
        let first = try await once(path, limit, timeout)
        guard first.status == 401 else { return first }
        // The token was revoked, or its key: another one may be taken.
        token.forget()
        return try await once(path, limit, timeout)
    }

    private func once(_ path: String, _ limit: Int, _ timeout: Duration) async throws(Unanswered) -> Answer {
        let token: String
        do {
            token = try await self.token.token().exposed
        } catch { throw Unanswered(description: "no access token: \(error)") }
        do {
            let answer = try await transport.send(
                "GET", url + path, headers: [("Authorization", "Bearer \(token)"), ("Accept", "application/json")],
                limit: limit, timeout: timeout)
            return Answer(status: answer.status, body: answer.body)
        } catch { throw Unanswered(description: "\(error)") }
    }
}
