import JOSE
import StrictJSON
import Synchronization

/// Asks policy-service for its shadow set, and tells it what was found.
final class ShadowBundles: Sendable {
    enum Fetched: Sendable {
        /// No answer, or one that is not to be trusted: what is here stays.
        case unknown
        case unchanged
        /// There is no shadow set.
        case none
        case bundle(PolicyBundle)
    }

    private let url: String
    private let issuer: String
    private let transport: HTTPTransport
    private let token: ServiceToken
    private let keys: any VerificationKeys
    private let tag = Mutex<String?>(nil)

    init(url: String, issuer: String, transport: HTTPTransport, token: ServiceToken, keys: any VerificationKeys) {
        self.url = url
        self.issuer = issuer
        self.transport = transport
        self.token = token
        self.keys = keys
    }

    func fetch() async -> Fetched {
        var headers = [("Accept", "application/json")]
        if let tag = tag.withLock({ $0 }) { headers.append(("If-None-Match", tag)) }
        guard
            let answer = await send(
                "GET", "/v1/bundles/shadow", headers, limit: 2 * PolicyContent.maximumBytes, timeout: .seconds(30))
        else { return .unknown }
        switch answer.status {
        case 304: return .unchanged
        case 404:
            tag.withLock { $0 = nil }
            return .none
        case 200:
            guard let text = answer.header("policy-statement"), let id = PolicyStatement.keyID(of: text),
                (try? await keys.key(id.id, algorithm: id.algorithm)) != nil,
                let statement = try? PolicyStatement(
                    verifying: text, kind: .shadow, issuer: issuer,
                    key: { keys.keyAtHand($0, algorithm: $1) }),
                (try? statement.check(answer.body)) != nil, let bundle = try? PolicyBundle(body: answer.body),
                bundle.version == statement.version
            else { return .unknown }
            tag.withLock { $0 = answer.header("etag") }
            return .bundle(bundle)
        default: return .unknown
        }
    }

    /// - Returns: whether it was taken.
    func report(_ report: JSONValue, by reporter: String) async -> Bool {
        let body = JSONValue.object(["reporter": .string(reporter), "report": report]).encoded()
        let answer = await send(
            "POST", "/v1/policies/shadow/reports", [("Content-Type", "application/json")], body: body, limit: 65_536,
            timeout: .seconds(5))
        return answer?.status == 204
    }

    private func send(
        _ method: String, _ path: String, _ headers: [(String, String)], body: [UInt8]? = nil, limit: Int,
        timeout: Duration
    ) async -> HTTPTransport.Answer? {
        guard let token = try? await token.token() else { return nil }
        let answer = try? await transport.send(
            method, url + path, headers: headers + [("Authorization", "Bearer " + token.exposed)], body: body ?? [],
            limit: limit, timeout: timeout)
        // A permission that was missing may have been given since.
        if answer?.status == 401 || answer?.status == 403 { self.token.forget() }
        return answer
    }
}
