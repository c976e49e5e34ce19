import JOSE

/// policy-service, as it is asked for bundles with this service's own token.
struct PolicySource: Sendable {
    struct Answer: Sendable {
        /// nil when what the caller has is what there is.
        let body: [UInt8]?
        /// Signed with a key that is at hand; not verified yet.
        let statement: String
        let tag: String?
    }

    enum Failure: Error, Sendable {
        /// In words for the log.
        case none(String)
        /// The statement names a key that policy-service does not have.
        case unknownKey
    }

    /// Without a slash at its end.
    let url: String
    let transport: HTTPTransport
    let token: any ServiceTokenSource
    let keys: any VerificationKeys

    /// - Parameter tag: of what the caller has.
    func ask(_ kind: PolicyStatement.Kind, tag: String?) async throws(Failure) -> Answer {
        guard let token = try? await token.token() else { throw .none("no token for this service") }
        var headers = [("Authorization", "Bearer " + token.exposed), ("Accept", "application/json")]
        if let tag { headers.append(("If-None-Match", tag)) }
        let isPolicies = kind == .policies
        guard
            let answer = try? await transport.send(
                "GET", url + (isPolicies ? "/v1/bundles/policies" : "/v1/bundles/entities"), headers: headers,
                limit: isPolicies ? 2 * PolicyContent.maximumBytes : EntityBundle.maximumBytes, timeout: .seconds(30))
        else { throw .none("no answer") }
        // A permission that was missing may have been given since.
        if answer.status == 401 || answer.status == 403 { self.token.forget() }
        guard answer.status == 200 || answer.status == 304, let statement = answer.header("policy-statement") else {
            throw .none("status \(answer.status)")
        }
        if let id = PolicyStatement.keyID(of: statement) {
            let key: VerificationKey?
            do {
                // Has the keys fetched, or the file of pinned ones read again, when this one is not known yet.
                key = try await keys.key(id.id, algorithm: id.algorithm)
            } catch { throw .none("no keys") }
            if key == nil { throw .unknownKey }
        }
        return Answer(
            body: answer.status == 200 ? answer.body : nil, statement: statement, tag: answer.header("etag"))
    }
}
