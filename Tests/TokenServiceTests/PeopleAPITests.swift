import APISecurity
import EventBus
import Foundation
import HTTPTypes
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

@Suite(.serialized) struct PeopleAPITests {
    private func api(_ body: (PeopleHTTP) async throws -> Void) async throws {
        let server = try await RedisServer()
        let world = try await PeopleWorld(server)
        do {
            try await body(PeopleHTTP(world))
            await world.shutdown()
        } catch {
            await world.shutdown()
            throw error
        }
        await server.stop()
    }

    /// From the administrator's form to the first order that a trader could place.
    @Test func aTraderIsMadeSetUpAndSignsIn() async throws {
        try await api { api in
            let admin = try await api.administrator()
            let made = try await api.send(.post, "/v1/users", ["username": "maria", "roles": ["trader"]], token: admin)
            #expect(made.status == 201)
            #expect(made.headers[.location] == "/v1/users/\(made["id"] ?? "")")
            let temporary = try #require(made["temporary_password"])
            let login: JSONValue = ["username": "maria", "password": .string(temporary), "device_id": "desk"]
            var token = try #require(try await api.send(.post, "/v1/login", login)["access_token"])
            // Nothing but her own set-up.
            #expect(try await api.send(.get, "/v1/users", token: token).status == 403)
            let new = "plum tree in the garden"
            let changed = try await api.send(
                .post, "/v1/users/me/password",
                ["current_password": .string(temporary), "new_password": .string(new)], token: token)
            #expect(changed.status == 204)
            let again: JSONValue = ["username": "maria", "password": .string(new)]
            token = try #require(try await api.send(.post, "/v1/login", again)["access_token"])
            #expect(api.world.sessions.started.last?.mustEnrol == false)

            let enrolment = try await api.send(.post, "/v1/users/me/totp", ["algorithm": "SHA256"], token: token)
            #expect(enrolment.status == 201)
            #expect(enrolment.headers[.cacheControl] == "no-store")
            #expect(enrolment["qr_svg"]?.hasPrefix("<svg ") == true)
            let secret = try #require(enrolment["secret"].flatMap { Base32.decode($0) })
            let totp = try #require(TOTP(secret: secret, algorithm: .sha256))
            let wrong = try await api.send(.post, "/v1/users/me/totp/confirm", ["code": "abcdef"], token: token)
            #expect(wrong.problem == "invalid-code")
            let confirmed = try await api.send(
                .post, "/v1/users/me/totp/confirm", ["code": .string(api.world.code(totp))], token: token)
            #expect(confirmed.json?["recovery_codes"]?.array?.count == 10)

            let waiting = try await api.send(.post, "/v1/login", again)
            #expect(waiting.status == 202)
            #expect(waiting.json?["methods"]?.strings == ["totp", "recovery_code"])
            let pending = JSONValue.string(try #require(waiting["mfa_token"]))
            let used = try await api.send(
                .post, "/v1/login/mfa", ["mfa_token": pending, "code": .string(api.world.code(totp))])
            #expect(used.problem == "code_used")
            #expect(used.headers[.retryAfter] != nil)
            // The next step's code is accepted already.
            let next = totp.code(step: TOTP.step(at: api.world.now / 1000) + 1)
            let done = try await api.send(.post, "/v1/login/mfa", ["mfa_token": pending, "code": .string(next)])
            #expect(done.status == 200)
            #expect(api.world.sessions.started.last?.amr == ["pwd", "otp", "mfa"])

            api.world.advance(seconds: 600)
            let session = done["access_token"]
            #expect(
                try await api.send(.delete, "/v1/users/me/totp", token: session).problem == "step-up-required")
            let fresh = try await api.send(
                .post, "/v1/step-up", ["code": .string(api.world.code(totp))], token: session)
            #expect(fresh.status == 200)
            let repeated = try await api.send(
                .post, "/v1/step-up", ["code": .string(api.world.code(totp))], token: session)
            #expect(repeated.problem == "code_used")
            #expect(try await api.send(.delete, "/v1/users/me/totp", token: fresh["access_token"]).status == 204)
        }
    }

    @Test func refusedSignInsAreByteForByteTheSame() async throws {
        try await api { api in
            let world = api.world
            try await world.user("maria")
            let disabled = try await world.user("disabled")
            _ = try await world.people.users.setStatus(disabled.id, to: .disabled, world.act())
            var bodies: Set<[UInt8]> = []
            for (name, password) in [
                ("maria", "the wrong passphrase"), ("nobody", "whatever it may be"), ("disabled", PeopleWorld.password),
                ("m ! x", "x"),
            ] {
                let answer = try await api.send(
                    .post, "/v1/login", ["username": .string(name), "password": .string(password)])
                #expect(answer.status == 401)
                bodies.insert(answer.bytes)
            }
            #expect(bodies.count == 1)
        }
    }

    /// Every route but the sign-in itself asks for a token, and every administrative one for its permission.
    @Test func nothingIsOpenThatShouldNotBe() async throws {
        try await api { api in
            let user = try await api.world.user("maria", roles: ["viewer"])
            let token = try await api.world.sessions.start(
                Authentication(
                    subject: user.id, username: "maria", email: nil, roles: ["viewer"],
                    authTime: api.world.now / 1000, amr: ["pwd", "otp", "mfa"], acr: .twoFactors, mustEnrol: false,
                    sessionEpoch: 0), ClientInfo(address: "192.0.2.1"), requestID: "r"
            ).accessToken
            var administrative = 0
            for route in api.router.routes {
                let path = route.path.replacing(/\{[a-z]+\}/, with: "x")
                let body: JSONValue? = route.method == .get || route.method == .delete ? nil : [:]
                let stranger = try await api.send(route.method, path, body)
                let isSignIn = route.path.hasPrefix("/v1/login")
                #expect(stranger.status == (isSignIn ? 400 : 401), "\(route.method) \(route.path)")
                guard !isSignIn, !route.path.hasPrefix("/v1/users/me"), route.path != "/v1/step-up" else { continue }
                administrative += 1
                let viewer = try await api.send(route.method, path, body, token: token)
                #expect(viewer.status == 403, "\(route.method) \(route.path)")
                let isWrite = route.method != .get
                let isPrivileged = if case .privileged = route.access { true } else { false }
                // Taking access away waits for nothing but the permission.
                let reducesRisk = route.access.risk == .reducing
                #expect(isPrivileged == (isWrite && !reducesRisk), "\(route.method) \(route.path)")
            }
            #expect(administrative >= 20)
        }
    }

    @Test func whatIsNotThereIsNotFoundAndWhatIsWrongIsSaid() async throws {
        try await api { api in
            let admin = try await api.administrator()
            for path in ["/v1/users/nobody", "/v1/users/%00", "/v1/users/a'b", "/v1/service-accounts/x"] {
                let status = try await api.send(.get, path, token: admin).status
                #expect([400, 404].contains(status), "\(path)")
            }
            let cases: [(JSONValue, Int, String)] = [
                (["username": "maria", "roles": ["king"]], 422, "unknown-role"),
                (["username": "m a", "roles": ["viewer"]], 422, "bad-username"),
                (["username": "maria", "roles": ["viewer"], "email": "xyz"], 422, "bad-email"),
                (["username": "maria", "roles": ["viewer"], "password": "short"], 422, "password-refused"),
                (["username": "maria", "roles": []], 400, "invalid-body"),
                (["username": "maria", "roles": ["viewer"], "extra": 1], 400, "invalid-body"),
                (["username": "anna", "roles": ["viewer"]], 409, "username-taken"),
            ]
            for (body, status, problem) in cases {
                let answer = try await api.send(.post, "/v1/users", body, token: admin)
                #expect(answer.status == status, "\(body.encodedString())")
                #expect(answer.problem == problem, "\(body.encodedString())")
            }
            #expect(try await api.send(.get, "/v1/users?limit=0", token: admin).status == 400)
            #expect(try await api.send(.get, "/v1/users?cursor=!", token: admin).status == 400)
            #expect(try await api.send(.get, "/v1/users?page=2", token: admin).status == 400)
            #expect(try await api.send(.get, "/v1/recovery-requests?cursor=InhpeSI", token: admin).status == 400)
        }
    }

    @Test func listsComeInPages() async throws {
        try await api { api in
            let admin = try await api.administrator()
            for name in ["berta", "carla", "dora", "emma"] { try await api.world.user(name) }
            var seen: [String] = []
            var path = "/v1/users?limit=2"
            while true {
                let page = try await api.send(.get, path, token: admin)
                seen += (page.json?["users"]?.array ?? []).compactMap { $0["username"]?.string }
                guard let cursor = page["next_cursor"] else { break }
                path = "/v1/users?limit=2&cursor=\(cursor)"
            }
            #expect(seen == ["anna", "berta", "carla", "dora", "emma"])
        }
    }

    @Test func recoveryGoesThroughTwoAdministrators() async throws {
        try await api { api in
            let (anna, berta) = (try await api.administrator("anna"), try await api.administrator("berta"))
            let maria = try await api.world.user("maria")
            let made = try await api.send(
                .post, "/v1/users/\(maria.id)/recovery", ["kind": "password_reset"], token: anna)
            #expect(made.status == 201)
            let path = "/v1/recovery-requests/\(made["id"] ?? "")"
            #expect(try await api.send(.post, "\(path)/approve", token: anna).problem == "own-recovery")
            let approved = try await api.send(.post, "\(path)/approve", token: berta)
            let temporary = try #require(approved["temporary_password"])
            #expect(try await api.send(.post, "\(path)/approve", token: berta).problem == "recovery-decided")
            let listed = try await api.send(.get, "/v1/recovery-requests?limit=1", token: berta)
            #expect(listed.json?["recovery_requests"]?.array?.first?["status"]?.string == "approved")
            #expect(!String(decoding: listed.bytes, as: UTF8.self).contains(temporary))
            let old: JSONValue = ["username": "maria", "password": .string(PeopleWorld.password)]
            #expect(try await api.send(.post, "/v1/login", old).status == 401)
            let new: JSONValue = ["username": "maria", "password": .string(temporary)]
            #expect(try await api.send(.post, "/v1/login", new).status == 200)
            #expect(api.world.sessions.started.last?.mustEnrol == true)
        }
    }

    @Test func aServiceAccountIsMadeOnceHoweverOftenItIsAskedFor() async throws {
        try await api { api in
            let admin = try await api.administrator()
            let key: HTTPFields = [HTTPField.Name("Idempotency-Key")!: "k-1"]
            let body: JSONValue = ["client_id": "order-api", "permissions": ["tokens:introspect"]]
            let first = try await api.send(.post, "/v1/service-accounts", body, token: admin, headers: key)
            let second = try await api.send(.post, "/v1/service-accounts", body, token: admin, headers: key)
            #expect(first.status == 201)
            #expect(first.bytes == second.bytes)
            #expect(try await api.send(.post, "/v1/service-accounts", body, token: admin).problem == "client-id-taken")
            // The service's own name is nobody else's.
            let own: JSONValue = ["client_id": "token-service", "permissions": ["bundles:read"]]
            #expect(try await api.send(.post, "/v1/service-accounts", own, token: admin).problem == "client-id-taken")
            let secret = try #require(first["client_secret"])
            let id = try #require(first["id"])
            let shown = try await api.send(.get, "/v1/service-accounts/\(id)", token: admin)
            #expect(!String(decoding: shown.bytes, as: UTF8.self).contains(secret))
            let added = try await api.send(.post, "/v1/service-accounts/\(id)/secrets", token: admin)
            #expect(added.status == 201)
            #expect(
                try await api.send(.post, "/v1/service-accounts/\(id)/secrets", token: admin).problem
                    == "too-many-secrets")
            let gone = try await api.send(
                .delete, "/v1/service-accounts/\(id)/secrets/\(added["id"] ?? "")", token: admin)
            #expect(gone.status == 204)
            let keys = try await api.send(
                .put, "/v1/service-accounts/\(id)/jwks", ["keys": [["kty": "oct", "k": "AAAA", "kid": "1"]]],
                token: admin)
            #expect(keys.problem == "bad-jwks")
            #expect(
                try await api.send(.post, "/v1/service-accounts/\(id)/disable", token: admin)["status"] == "disabled")
        }
    }

    @Test func theFirstAdministratorIsMadeOnce() async throws {
        try await api { api in
            let folder = try TemporaryDirectory("admin")
            let file = folder.file("state/admin.json")
            let world = api.world
            func ensure() async throws -> Bool {
                try await FirstAdministrator.ensure(
                    world.database, SQLOutbox(name: "people"), world.people.catalogue, world.hasher.parameters,
                    world.act(nil), file: file)
            }
            #expect(try await ensure())
            #expect(try await !ensure())
            let attributes = try FileManager.default.attributesOfItem(atPath: file)
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
            let json = try JSONValue(parsing: Array(Data(contentsOf: URL(filePath: file))))
            let answer = try await api.send(.post, "/v1/login", json)
            #expect(answer.status == 200)
            #expect(world.sessions.started.last?.mustEnrol == true)
            #expect(world.sessions.started.last?.roles == ["admin"])
        }
    }
}
