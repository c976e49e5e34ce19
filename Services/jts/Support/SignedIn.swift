import Foundation
import StrictJSON

/// A service with an access token for it, refreshed at the start of the command.
struct SignedIn {
    let api: API
    let token: String

    static func run<T>(_ body: (SignedIn) async throws -> T) async throws -> T {
        let credentials = try Credentials.load()
        return try await API.with(credentials.url, caFile: credentials.caFile) { api in
            try await body(SignedIn(api: api, token: try await refresh(api)))
        }
    }

    /// Trades the refresh token for an access token. The successor is on disk before anything else happens.
    private static func refresh(_ api: API) async throws -> String {
        try await Credentials.locked {
            var credentials = try Credentials.load()
            let answer = try await api.call(
                "POST", "/oauth2/token",
                .form([("grant_type", "refresh_token"), ("refresh_token", credentials.refreshToken)]))
            if answer.status == 400, answer.json["error"]?.string == "invalid_grant" {
                Credentials.remove()
                throw CommandFault.notSignedIn()
            }
            let json = try answer.expecting(200)
            guard let access = json["access_token"]?.string, let next = json["refresh_token"]?.string else {
                throw CommandFault.unavailable("the answer holds no tokens")
            }
            credentials.refreshToken = next
            try credentials.save()
            return access
        }
    }

    /// Calls; where a fresh second factor is asked for, asks the user for a code and repeats.
    /// - Parameter service: another service than token-service that takes its tokens.
    func call(
        _ method: String, _ path: String, _ body: API.Body = .none, at service: API? = nil
    ) async throws -> API.Answer {
        let service = service ?? api
        let answer = try await service.call(method, path, body, token: token)
        guard answer.status == 401 || answer.status == 403, answer.problem == "step-up-required" else { return answer }
        let code = try Console.ask("Code of your authenticator (this act needs a fresh one)", hidden: true)
        let fresh = try await api.call("POST", "/v1/step-up", .json(["code": .string(code)]), token: token)
        guard let stronger = try fresh.expecting(200)["access_token"]?.string else {
            throw CommandFault.unavailable("the answer holds no token")
        }
        return try await service.call(method, path, body, token: stronger)
    }
}
