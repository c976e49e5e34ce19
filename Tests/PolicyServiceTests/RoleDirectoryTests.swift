import APISecurity
import Hummingbird
import SecurityClient
import ServiceKit
import StrictJSON
import Synchronization
import Testing

@testable import PolicyService

/// Who there is, asked of token-service over HTTP.
@Suite("The directory of people")
struct RoleDirectoryTests {
    /// Answers as token-service does: a token for the service's secret, and people for the token.
    private final class TokenService: Sendable {
        private struct State {
            var given = 0
            var revoked: Set<String> = []
            var status: HTTPResponse.Status?
            var asked: [String] = []
        }

        private let state = Mutex(State())
        private let running: Task<Void, Never>
        let url: String

        init() async throws {
            let (ports, found) = AsyncStream.makeStream(of: Int.self)
            let handler = Handler()
            let router = SecureRouter(authenticator: NamingNobody(), options: SecureRouter.Options(accessLog: .none))
            router.post("/oauth2/token", .public) { request, _ in
                try await handler.value.withLock { $0 }?.token(request) ?? .noContent
            }
            router.get("/v1/users/{user}", .public) { request, context in
                try handler.value.withLock { $0 }?.user(request, context) ?? .noContent
            }
            let server = try HTTPServer(
                HTTPServerSettings(listen: .init(host: "127.0.0.1", port: 0)), responder: router.buildResponder(),
                health: HealthChecks(), metrics: MetricsRegistry(), logger: quiet
            ) { found.yield($0) }
            running = Task { [router] in
                try? await server.run()
                withExtendedLifetime(router) {}
            }
            var iterator = ports.makeAsyncIterator()
            url = "http://127.0.0.1:\(try #require(await iterator.next()))"
            handler.value.withLock { $0 = self }
        }

        private final class Handler: Sendable {
            let value = Mutex<TokenService?>(nil)
        }

        private struct NamingNobody: Authenticator {
            func authenticate(_ request: Request, _ context: APIContext) async throws(AuthenticationError) -> Identity {
                throw .missingCredentials
            }
        }

        private func token(_ request: Request) async throws -> Response {
            guard request.headers[.authorization] == "Basic cG9saWN5LXNlcnZpY2U6c2VjcmV0" else {
                throw Problem(status: .unauthorized, type: "invalid-client", title: "No")
            }
            let number = state.withLock { state in
                state.given += 1
                return state.given
            }
            return .json(["access_token": .string("token-\(number)"), "expires_in": 900, "token_type": "Bearer"])
        }

        private func user(_ request: Request, _ context: APIContext) throws -> Response {
            let user = try context.parameters.require("user")
            let token = request.headers[.authorization] ?? ""
            let (isGood, status) = state.withLock { state in
                state.asked.append(user)
                return (token.hasPrefix("Bearer token-") && !state.revoked.contains(token), state.status)
            }
            guard isGood else { throw Problem(status: .unauthorized, type: "invalid-token", title: "No") }
            if let status { throw Problem(status: status, type: "x", title: "No") }
            guard user == "usr_1" else { throw Problem.notFound() }
            return .json(["id": "usr_1", "status": "active", "roles": ["trader", "viewer"]])
        }

        var asked: [String] { state.withLock { $0.asked } }
        func answer(_ status: HTTPResponse.Status?) { state.withLock { $0.status = status } }
        func revoke() { _ = state.withLock { $0.revoked.insert("Bearer token-\($0.given)") } }

        func stop() async {
            running.cancel()
            await running.value
        }
    }

    private func directory(_ url: String) throws -> TokenServicePeople {
        let source = ConfigSource(environment: [
            "ISSUER": url, "CLIENT_ID": "policy-service", "CLIENT_SECRET": "secret", "REVOCATION_CHECK": "none",
        ])
        let client = try SecurityClient(
            SecurityClientConfiguration(source), metrics: MetricsRegistry(), logger: quiet)
        return TokenServicePeople(calls: try #require(client.tokenService), logger: quiet)
    }

    @Test("people are found, and those who are not there are not")
    func lookUp() async throws {
        let service = try await TokenService()
        let people = try directory(service.url)
        #expect(try await people.person("usr_1") == Person(roles: ["trader", "viewer"]))
        #expect(try await people.person("usr_2") == nil)
        // What is no identifier is not asked for: it might be the path of something else.
        for subject in ["", "..", ".", "usr_1/roles", "usr_1?x=1", "a b", "é", "usr_1%2F"] {
            #expect(try await people.person(subject) == nil, "\(subject)")
        }
        #expect(service.asked == ["usr_1", "usr_2"])
        // A token that was revoked is replaced once.
        service.revoke()
        #expect(try await people.person("usr_1") != nil)
        await service.stop()
    }

    @Test("no answer, or one that says nothing, is no person and no nobody")
    func unavailable() async throws {
        let service = try await TokenService()
        let people = try directory(service.url)
        for status in [.forbidden, .internalServerError, .serviceUnavailable] as [HTTPResponse.Status] {
            service.answer(status)
            await #expect(throws: PeopleUnavailable.self, "\(status)") { try await people.person("usr_1") }
        }
        service.answer(nil)
        #expect(try await people.person("usr_1") != nil)
        await service.stop()
        await #expect(throws: PeopleUnavailable.self) { try await people.person("usr_1") }
        await #expect(throws: PeopleUnavailable.self) { try await NoPeople().person("usr_1") }
    }
}
