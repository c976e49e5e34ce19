import APISecurity
import HTTPTypes
import Hummingbird

extension OAuthError {
    /// Runs an OAuth endpoint: whatever goes wrong comes out in the shape that OAuth clients read.
    static func translating(
        _ context: APIContext, _ body: () async throws -> Response
    ) async throws -> Response {
        do {
            return try await body()
        } catch let error as OAuthError {
            return error.response()
        } catch {
            guard StoreProblems.problem(error) != nil else { throw error }
            context.logger.warning("a store failed", metadata: ["error": "\(error)"])
            return OAuthError.temporarilyUnavailable(retryAfter: 1).response()
        }
    }
}

extension Request {
    /// The parameters of an OAuth request. Repeated parameters are refused, unknown ones ignored (RFC 6749 section 3.2).
    func oauthForm(_ context: APIContext) async throws -> FormFields {
        do {
            return try await form(context)
        } catch let problem as Problem where problem.status == .badRequest {
            throw OAuthError.invalidRequest(problem.detail ?? problem.title)
        }
    }
}

extension Response {
    /// A successful answer of an OAuth endpoint: never cached (RFC 6749 section 5.1).
    static func oauth(_ bytes: [UInt8]) -> Response {
        Response(status: .ok, headers: oauthHeaders, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    static let oauthHeaders: HTTPFields = [.contentType: "application/json", .cacheControl: "no-store"]
}

extension RouteOptions {
    /// Of routes that everybody may call: credentials and tokens, nothing long. What is this small is read whole before it
    /// takes the place of a request that is worked on.
    static let credentials = RouteOptions(bodyLimit: 16 * 1024)
}
