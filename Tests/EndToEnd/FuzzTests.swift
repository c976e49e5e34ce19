import Foundation
import JOSE
import StrictJSON
import TestSupport
import Testing

/// Every route with everything that should not be there. After each test both services still run, and none of the run's
/// secrets stands in a log.
@Suite struct FuzzTests {
    private struct World: Sendable {
        let system: TestSystem
        let trader: TestPerson
        let session: TestPerson.Session
        let pids: [pid_t]
    }

    /// A system for one test, which may do to it what it likes.
    private func withWorld(_ body: (World) async throws -> Void) async throws {
        var options = TestSystemOptions()
        options.environment = ["TRUSTED_PROXIES": "127.0.0.1"]
        try await withSystem(options) { system in
            let trader = try await system.person("trader", enrol: false)
            let session = try await trader.signIn(system.http)
            let world = World(
                system: system, trader: trader, session: session,
                pids: system.tokenServices.map(\.pid) + [system.orderAPI?.pid ?? 0])
            try await body(world)
            try await aftermath(world)
        }
    }

    // MARK: - The documents

    @Test func schemathesis() async throws {
        try await withWorld { world in
            let system = world.system
            let tokenService = Project.file("docs/openapi/token-service.yaml")
            let orderAPI = Project.file("docs/openapi/order-api.yaml")
            let admin = try await system.adminToken()
            for (document, url, token) in [
                (orderAPI, system.orders.url, world.session.access), (orderAPI, system.orders.url, nil),
                (tokenService, system.http.url, nil),
            ] {
                try await Fuzzing.schemathesis(document, url, token: token)
            }
            // The administrator's token lives until the end of the first part, which would show nothing otherwise; the acts
            // that may end it, or take her role away, come last.
            try await Fuzzing.schemathesis(
                tokenService, system.http.url, token: admin, Self.fatal.flatMap { ["--exclude-operation-id", $0] })
            try await system.http.call("GET", "/v1/users/me", token: admin).require(200)
            try await Fuzzing.schemathesis(
                tokenService, system.http.url, token: admin, Self.fatal.flatMap { ["--include-operation-id", $0] })
        }
    }

    private static let fatal = [
        "setRoles", "disableUser", "lockUser", "revokeKey", "endSession", "endSessionsOfUser", "logout",
    ]

    // MARK: - Bodies

    /// JSONTestSuite at every route that takes JSON.
    @Test func jsonTestSuite() async throws {
        try await withWorld { world in
            let system = world.system
            let bodies = try await Fuzzing.conformanceBodies()
            try #require(bodies.count > 200)
            let admin = try await system.adminToken()
            for (http, token) in [(system.http, admin), (system.orders, world.session.access)] {
                let routes = try await Fuzzing.jsonRoutes(http)
                try #require(!routes.isEmpty)
                for (method, path) in routes {
                    let answers = try await Fuzzing.inParallel(Array(bodies)) { name, body in
                        let answer = try await http.call(
                            method, path, body: body, token: token,
                            headers: freshAddress().merging(["Content-Type": "application/json"]) { $1 })
                        return (name, answer)
                    }
                    for (name, answer) in answers {
                        #expect(answer.status < 500, "\(method) \(path) \(name): \(answer.status) \(answer.text)")
                        if answer.status >= 400 {
                            #expect(answer.header("Content-Type") == "application/problem+json")
                            #expect(answer.json["type"]?.string?.hasPrefix("urn:jts:problem:") == true)
                        }
                        // What is no JSON is never taken.
                        if name.hasPrefix("n_") {
                            #expect((400..<500).contains(answer.status), "\(method) \(path) \(name): \(answer.status)")
                        }
                        expectNoSecret(answer, of: world)
                        #expect(
                            answer.status != 401 || path.hasSuffix("/password"),
                            "\(method) \(path): the token has ended")
                    }
                }
            }
        }
    }

    @Test func otherBodies() async throws {
        try await withWorld { world in
            let system = world.system
            let admin = try await system.adminToken()
            for (http, token) in [(system.http, admin), (system.orders, world.session.access)] {
                for (method, path) in try await Fuzzing.jsonRoutes(http) {
                    func send(_ body: [UInt8], _ type: String) async throws -> Int {
                        let answer = try await http.call(
                            method, path, body: body, token: token,
                            headers: freshAddress().merging(["Content-Type": type]) { $1 })
                        expectNoSecret(answer, of: world)
                        return answer.status
                    }
                    let label: Comment = "\(method) \(path)"
                    #expect(try await send(Array("{}".utf8), "text/plain") == 415, label)
                    #expect(try await send(Array("a=1".utf8), "application/x-www-form-urlencoded") == 415, label)
                    let deep = String(repeating: #"{"a":"#, count: 40) + "1" + String(repeating: "}", count: 40)
                    #expect(try await send(Array(deep.utf8), "application/json") == 400, label)
                    #expect(try await send(Array(#"{"a":1,"a":2}"#.utf8), "application/json") == 400, label)
                    #expect(try await send(Array(#"{"jts-unknown":1}"#.utf8), "application/json") == 400, label)
                    #expect(
                        try await send([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D], "application/json") == 400, label)
                    let large = [UInt8](repeating: UInt8(ascii: " "), count: (1 << 20) + 1)
                    #expect(try await send(large, "application/json") == 413, label)
                }
            }
        }
    }

    // MARK: - Tokens

    /// Each character of an access token changed, removed and doubled: never taken.
    @Test func mutatedAccessTokens() async throws {
        try await withWorld { world in
            let system = world.system
            let token = world.session.access
            var mutants = Set(mutations(of: token))
            let parts = token.split(separator: ".").map(String.init)
            mutants.formUnion([
                parts[0] + "." + parts[1] + ".", parts[0] + "." + parts[1], "." + parts[1] + "." + parts[2],
                token + ".", token + "=", token + ".x", "", ".", "..", parts[0], token.uppercased(),
                Base64URL.encode(Array(#"{"alg":"none","typ":"at+jwt"}"#.utf8)) + "." + parts[1] + ".",
                Base64URL.encode(Array(#"{"alg":"HS256","typ":"at+jwt"}"#.utf8)) + "." + parts[1] + "." + parts[2],
                String(repeating: "A", count: 30_000),
            ])
            mutants.remove(token)
            let answers = try await Fuzzing.inParallel(mutants.map { ($0, $0) }) { _, mutant in
                [
                    try await system.http.call("GET", "/v1/users/me", headers: ["Authorization": "Bearer \(mutant)"]),
                    try await system.orders.call("GET", "/v1/orders", headers: ["Authorization": "Bearer \(mutant)"]),
                ]
            }
            for answer in answers.joined() {
                #expect((400..<500).contains(answer.status), "\(answer.status)")
                expectNoSecret(answer, of: world)
            }
            // At introspection a mutant is merely not active.
            for mutant in mutants.shuffled().prefix(200) where !mutant.isEmpty {
                let told = try await system.http.introspect(mutant, as: system.orderClient)
                #expect(told == ["active": false])
            }
            try await system.orders.call("GET", "/v1/orders", token: token).require(200)
        }
    }

    /// A refresh token that nobody issued is refused, and does the session that it resembles no harm.
    @Test func mutatedRefreshTokens() async throws {
        try await withWorld { world in
            let system = world.system
            let session = try await world.trader.signIn(system.http)
            var mutants = Set(mutations(of: session.refresh))
            mutants.formUnion([
                "", "x", session.refresh + "A", String(session.refresh.dropLast()), "rt_" + session.access,
            ])
            mutants.remove(session.refresh)
            let answers = try await Fuzzing.inParallel(mutants.map { ($0, $0) }) { _, mutant in
                [
                    try await system.http.refresh(mutant),
                    try await system.http.call("POST", "/oauth2/revoke", form: ["token": mutant]),
                ]
            }
            for pair in answers {
                #expect(pair[0].status == 400, "\(pair[0].status) \(pair[0].text)")
                #expect(pair[1].status == 200 || pair[1].status == 400)
                for answer in pair { expectNoSecret(answer, of: world) }
            }
            try await system.http.refresh(session.refresh).require(200)
        }
    }

    // MARK: - Afterwards

    @Test func leaksWouldBeFound() {
        let notes = SecretNotes()
        notes.note(["access_token": "aaaa.bbbb.the-signature", "nested": [["recovery_codes": ["one-two-three"]]]])
        notes.add("a password of words")
        #expect(
            notes.secrets(in: "{\"x\":\"aaaa.bbbb.the-signature\"}, one-two-three; other words") == ["the-", "one-"])
        #expect(notes.all.contains("a password of words"))
    }

    private func aftermath(_ world: World) async throws {
        let services = world.system.tokenServices + [try #require(world.system.orderAPI)]
        #expect(services.map(\.pid) == world.pids)
        for service in services {
            #expect(service.isRunning)
            let isReady = await service.isReady
            #expect(isReady, "\(service.name)")
        }
        for (service, log) in zip(services, world.system.logs) {
            #expect(!log.isEmpty)
            for secret in secrets(of: world) {
                let stands = log.range(of: secret, options: .literal) != nil
                #expect(!stands, "\(service.name) wrote a secret that starts with \(secret.prefix(4))")
            }
        }
    }

    /// Of tokens, the signature: it alone is secret enough to be searched for.
    private func secrets(of world: World) -> Set<String> {
        Set(world.system.secrets.map { $0.split(separator: ".").last.map(String.init) ?? $0 })
    }

    private func expectNoSecret(_ answer: TestHTTP.Answer, of world: World) {
        guard answer.status >= 400 else { return }
        for secret in [
            world.trader.password, world.system.admin.password, world.system.admin.secret ?? "?",
            world.system.orderClient.secret, world.session.refresh, world.session.access,
        ] {
            #expect(answer.text.range(of: secret, options: .literal) == nil)
        }
    }

    // MARK: - Material

    private func mutations(of token: String) -> [String] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=~+/ ,%\"\\".utf8)
        let bytes = Array(token.utf8)
        var mutants: [[UInt8]] = []
        for index in bytes.indices {
            var changed = bytes
            repeat { changed[index] = alphabet.randomElement() ?? 0x41 } while changed[index] == bytes[index]
            mutants.append(changed)
            // The last bits of a segment that decoders tend to ignore.
            var flipped = bytes
            flipped[index] ^= 1
            mutants.append(flipped)
            if index % 8 == 0 {
                var shorter = bytes
                shorter.remove(at: index)
                mutants.append(shorter)
                var longer = bytes
                longer.insert(bytes[index], at: index)
                mutants.append(longer)
            }
        }
        // What no header may carry is no token, and a blank at either end is not part of one.
        return mutants.filter { $0 != bytes && $0.allSatisfy { (0x21...0x7E).contains($0) } }
            .map { String(decoding: $0, as: UTF8.self) }
    }
}
