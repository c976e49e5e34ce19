import APISecurity
import Contracts
import HTTPTypes
import Hummingbird
import Redis
import SecurityClient

extension HTTPField.Name {
    /// RFC 9449 section 4.1.
    static var dpop: HTTPField.Name? { HTTPField.Name("DPoP") }
}

/// Which key, if any, the client of a request proved to hold: by a DPoP proof (RFC 9449) or by its certificate in
/// mutual TLS (RFC 8705).
struct KeyProof: Sendable {
    let redis: RedisClient
    /// Where clients see this service: `htu` of a proof names a URL below it.
    let publicURL: String
    let clock: @Sendable () -> Int64

    /// - Throws: `OAuthError.invalidDPoPProof`; `RedisError` when a repetition of the proof cannot be ruled out.
    func binding(_ request: Request, _ context: APIContext) async throws -> KeyBinding? {
        guard let name = HTTPField.Name.dpop, let header = request.headers[name] else {
            return context.clientCertificateThumbprint.map(KeyBinding.certificate)
        }
        guard request.headers[values: name].count == 1 else {
            throw OAuthError.invalidDPoPProof("more than one proof")
        }
        let proof: DPoPProof
        do {
            proof = try DPoPProof.validate(
                header, method: request.method.rawValue, url: publicURL + request.uri.path, accessToken: nil,
                now: clock() / 1000)
        } catch {
            throw OAuthError.invalidDPoPProof("\(error)")
        }
        // Section 11.1: each proof counts once. It is acceptable for a bounded time, and remembered for longer.
        let key = "ts:dpop:\(proof.thumbprint):\(RandomID.digest(proof.tokenID))"
        let answer = try await redis.send(
            ["SET", .string(key), "1", "NX", "EX", .int(Int(DPoPProof.acceptableFor * 2))], key: key)
        guard answer != .null else { throw OAuthError.invalidDPoPProof("the proof was used before") }
        return .dpop(thumbprint: proof.thumbprint)
    }

    /// What a sign-in request shows of its client.
    func client(
        _ request: Request, _ context: APIContext, clientID: String?, deviceID: String?
    ) async throws -> ClientInfo {
        ClientInfo(
            clientID: clientID ?? ClientInfo.defaultClientID, address: context.remoteAddress,
            userAgent: request.headers[.userAgent], deviceID: deviceID, binding: try await binding(request, context))
    }
}
