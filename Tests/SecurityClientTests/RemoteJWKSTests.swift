import Foundation
import Hummingbird
import JOSE
import StrictJSON
import Synchronization
import TestSupport
import Testing

@testable import SecurityClient

/// An issuer's `jwks.json`, as it is asked for and answered.
final class JWKSEndpoint: Sendable {
    struct State: Sendable {
        var keys: [JWK] = [TestKeys.rsa.publicJWK]
        var requests = 0
        var conditional = 0
        var paths: Set<String> = []
        var cacheControl: String? = "public, max-age=300"
        var failure: HTTPResponse.Status?
        var body: [UInt8]?
        var redirect: String?
        var delay: Duration = .zero
        var entityTag = "\"one\""
    }

    let state = Box(State())
    private let server: TestServer

    init() async throws {
        let state = state
        let router = Router(context: BasicRequestContext.self)
        router.get("**") { request, _ in
            let now = state.update { state in
                state.requests += 1
                state.paths.insert(request.uri.path)
                return state
            }
            if now.delay > .zero { try await Task.sleep(for: now.delay) }
            return JWKSEndpoint.answer(request, now, state)
        }
        server = try await TestServer(router)
    }

    private static func answer(_ request: Request, _ now: State, _ state: Box<State>) -> Response {
        if let failure = now.failure { return Response(status: failure) }
        if let redirect = now.redirect { return Response(status: .found, headers: [.location: redirect]) }
        var headers: HTTPFields = [.contentType: "application/jwk-set+json", .eTag: now.entityTag]
        if let cacheControl = now.cacheControl { headers[.cacheControl] = cacheControl }
        if request.headers[.ifNoneMatch] == now.entityTag {
            state.update { $0.conditional += 1 }
            return Response(status: .notModified, headers: headers)
        }
        let body = now.body ?? JWKSet(keys: now.keys).json().encoded()
        return Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }

    var url: String { server.url + "/jwks.json" }

    func keys(_ change: (inout RemoteJWKS.Options) -> Void = { _ in }) throws -> RemoteJWKS {
        var options = RemoteJWKS.Options()
        change(&options)
        return try RemoteJWKS(url: server.url + "/jwks.json", options: options, logger: quiet)
    }

    var requests: Int { state.value.requests }
    func stop() async { await server.stop() }
}

@Suite struct RemoteJWKSTests {
    @Test func fetchedOnceHoweverManyAsk() async throws {
        let endpoint = try await JWKSEndpoint()
        endpoint.state.update { $0.delay = .milliseconds(100) }
        let keys = try endpoint.keys()
        let found = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<200 { group.addTask { (try? await keys.key("rsa-1", algorithm: .RS256)) != nil } }
            return await group.reduce(into: 0) { if $1 { $0 += 1 } }
        }
        #expect(found == 200)
        #expect(endpoint.requests == 1)
        #expect(keys.hasKeys)
        await endpoint.stop()
    }

    @Test func unknownKeyIDsAreBounded() async throws {
        let endpoint = try await JWKSEndpoint()
        let keys = try endpoint.keys { $0.unknownKeyInterval = .seconds(3_600) }
        _ = try await keys.key("rsa-1", algorithm: .RS256)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<500 {
                group.addTask { _ = try? await keys.key("../made-up-\(number)", algorithm: .RS256) }
            }
        }
        #expect(endpoint.requests == 1)
        #expect(endpoint.state.value.paths == ["/jwks.json"], "an id is never part of a URL")
        await #expect(throws: KeysUnavailable.self, "it may be a key made since then") {
            try await keys.key("made-up", algorithm: .RS256)
        }
        await endpoint.stop()
    }

    /// A key made a moment after the last fetch, as in an emergency, while others name ids that they made up.
    @Test func aKeyMadeJustNowIsWaitedFor() async throws {
        let endpoint = try await JWKSEndpoint()
        let keys = try endpoint.keys { $0.unknownKeyInterval = .milliseconds(400) }
        #expect(try await keys.key("made-up", algorithm: .RS256) == nil)
        endpoint.state.update { state in
            state.keys.append(TestKeys.otherRSA.publicJWK)
            state.entityTag = "\"two\""
        }
        let (found, absent) = await withTaskGroup(of: (isNew: Bool, isThere: Bool?).self) { group in
            for number in 0..<20 {
                group.addTask { (true, try? await keys.key("rsa-2", algorithm: .RS256) != nil) }
                group.addTask { (false, try? await keys.key("made-up-\(number)", algorithm: .RS256) != nil) }
            }
            return await group.reduce(into: (0, 0)) { counts, answer in
                if answer.isNew, answer.isThere == true { counts.0 += 1 }
                if !answer.isNew, answer.isThere == false { counts.1 += 1 }
            }
        }
        #expect(found == 20)
        #expect(absent == 20, "and what was made up is told from it")
        #expect(endpoint.requests == 2, "all waited for one fetch")
        await endpoint.stop()
    }

    @Test func onlySoManyWait() async throws {
        let endpoint = try await JWKSEndpoint()
        let keys = try endpoint.keys { options in
            options.unknownKeyInterval = .seconds(2)
            options.longestWait = .seconds(2)
            options.maxWaiting = 4
        }
        _ = try await keys.key("rsa-1", algorithm: .RS256)
        let refused = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<40 {
                group.addTask { (try? await keys.key("made-up-\(number)", algorithm: .RS256) == nil) == nil }
            }
            return await group.reduce(into: 0) { if $1 { $0 += 1 } }
        }
        #expect(refused > 0, "told at once that nothing can be said")
        try await eventually("the places are free again") {
            (try? await keys.key("made-up", algorithm: .RS256) == nil) ?? false
        }
        await endpoint.stop()
    }

    @Test func aNewKeyIsFoundWhenItIsFirstSeen() async throws {
        let endpoint = try await JWKSEndpoint()
        let keys = try endpoint.keys { $0.unknownKeyInterval = .milliseconds(1) }
        #expect(try await keys.key("rsa-2", algorithm: .RS256) == nil)
        endpoint.state.update { state in
            state.keys.append(TestKeys.otherRSA.publicJWK)
            state.entityTag = "\"two\""
        }
        let before = keys.generation
        try await Task.sleep(for: .milliseconds(5))
        #expect(try await keys.key("rsa-2", algorithm: .RS256) != nil)
        #expect(keys.generation == before, "a key more takes nothing away")
        await endpoint.stop()
    }

    @Test func refreshedBeforeTheyExpire() async throws {
        let endpoint = try await JWKSEndpoint()
        endpoint.state.update { $0.cacheControl = "max-age=1" }
        let keys = try endpoint.keys { $0.ages = .milliseconds(100) ... .milliseconds(200) }
        let running = Task { try await keys.run() }
        try await eventually("several refreshes") { endpoint.requests >= 4 }
        #expect(endpoint.state.value.conditional >= 3, "the later ones ask only for changes")
        #expect(keys.statistics.unchanged >= 2)
        #expect(keys.keyAtHand("rsa-1", algorithm: .RS256) != nil)
        running.cancel()
        _ = try? await running.value
        await endpoint.stop()
    }

    @Test func withoutBeingRunTheyAreRefreshedWhenAskedFor() async throws {
        let endpoint = try await JWKSEndpoint()
        let keys = try endpoint.keys { $0.ages = .milliseconds(20) ... .milliseconds(20) }
        _ = try await keys.key("rsa-1", algorithm: .RS256)
        try await eventually("another fetch") {
            // Nobody waits for it: the key is there all the time.
            #expect(keys.keyAtHand("rsa-1", algorithm: .RS256) != nil)
            return endpoint.requests >= 3
        }
        await endpoint.stop()
    }

    @Test func aWithdrawnKeyIsGoneAndTold() async throws {
        let endpoint = try await JWKSEndpoint()
        endpoint.state.update { $0.keys.append(TestKeys.otherRSA.publicJWK) }
        let keys = try endpoint.keys()
        _ = try await keys.key("rsa-2", algorithm: .RS256)
        let before = keys.generation
        endpoint.state.update { state in
            state.keys.removeLast()
            state.entityTag = "\"two\""
        }
        #expect(await keys.refresh())
        #expect(keys.generation != before)
        #expect(keys.keyAtHand("rsa-2", algorithm: .RS256) == nil)
        #expect(keys.keyAtHand("rsa-1", algorithm: .RS256) != nil)
        await endpoint.stop()
    }

    @Test(arguments: [500, 503, 404, 403, 302, 204, 304])
    func aFetchThatFailsLeavesTheKeysAsTheyAre(_ status: Int) async throws {
        let endpoint = try await JWKSEndpoint()
        endpoint.state.update { $0.entityTag = "" }
        let keys = try endpoint.keys()
        _ = try await keys.key("rsa-1", algorithm: .RS256)
        endpoint.state.update { $0.failure = HTTPResponse.Status(code: status) }
        let succeeded = await keys.refresh()
        #expect(!succeeded || status == 304)
        #expect(keys.keyAtHand("rsa-1", algorithm: .RS256) != nil)
        #expect(keys.hasKeys)
        await endpoint.stop()
    }

    @Test func documentsThatAreNoKeySets() async throws {
        let endpoint = try await JWKSEndpoint()
        let keys = try endpoint.keys { $0.maxKeys = 4 }
        _ = try await keys.key("rsa-1", algorithm: .RS256)
        let many = JWKSet(keys: Array(repeating: TestKeys.rsa.publicJWK, count: 5)).json().encoded()
        for body in [[], Array("{".utf8), Array("[]".utf8), Array(#"{"keys":{}}"#.utf8), many] {
            endpoint.state.update { state in
                state.body = body
                state.entityTag = "\"\(UUID())\""
            }
            #expect(await keys.refresh() == false)
            #expect(keys.keyAtHand("rsa-1", algorithm: .RS256) != nil)
        }
        await endpoint.stop()
    }

    @Test func anEndlessDocumentIsNotRead() async throws {
        let endpoint = try await JWKSEndpoint()
        let large = Array(repeating: UInt8(ascii: " "), count: 300_000)
        endpoint.state.update { $0.body = large }
        let keys = try endpoint.keys()
        #expect(await keys.refresh() == false)
        #expect(!keys.hasKeys)
        await endpoint.stop()
    }

    @Test func redirectsAreNotFollowed() async throws {
        let endpoint = try await JWKSEndpoint()
        let other = try await JWKSEndpoint()
        endpoint.state.update { $0.redirect = "http://127.0.0.1:1/elsewhere" }
        let keys = try endpoint.keys()
        #expect(await keys.refresh() == false)
        #expect(endpoint.requests == 1)
        #expect(other.requests == 0)
        await endpoint.stop()
        await other.stop()
    }

    @Test func symmetricAndUnusableKeysArePassedOver() async throws {
        let endpoint = try await JWKSEndpoint()
        var encryption = TestKeys.otherRSA.publicJWK
        encryption.use = "enc"
        let body = JSONValue.object([
            "keys": [
                ["kty": "oct", "kid": "secret", "k": "AAAA"], encryption.json(), TestKeys.rsa.publicJWK.json(),
                ["kty": "RSA", "kid": "broken"],
            ]
        ]).encoded()
        endpoint.state.update { $0.body = body }
        let keys = try endpoint.keys()
        #expect(try await keys.key("rsa-1", algorithm: .RS256) != nil)
        #expect(keys.keyAtHand("rsa-2", algorithm: .RS256) == nil)
        #expect(keys.keyAtHand("secret", algorithm: .RS256) == nil)
        #expect(keys.keyAtHand("rsa-1", algorithm: .PS256) == nil, "the key says RS256")
        await endpoint.stop()
    }

    @Test func withoutKeysNothingCanBeSaid() async throws {
        let port = try freePort()
        let keys = try RemoteJWKS(url: "http://127.0.0.1:\(port)/jwks.json", logger: quiet)
        await #expect(throws: KeysUnavailable.self) { try await keys.key("rsa-1", algorithm: .RS256) }
        await #expect(throws: KeysUnavailable.self) { try await keys.key("rsa-1", algorithm: .RS256) }
        #expect(keys.statistics.failures == 1, "the second did not ask: it came at once")
        let world = TestVerifier()
        let verifier = TokenVerifier(
            world.verifier.options, keys: keys, revocations: world.revocations, clock: world.clock.read)
        let token = try world.issuer.token()
        await #expect(throws: TokenRefusal.keysUnavailable) { try await verifier.verify(token) }
    }

    @Test func keysThatCannotBeRefreshedAreGivenUpInTheEnd() async throws {
        let endpoint = try await JWKSEndpoint()
        let keys = try endpoint.keys { options in
            options.ages = .milliseconds(10) ... .milliseconds(10)
            options.keptOnFailure = .milliseconds(150)
            options.unknownKeyInterval = .zero
        }
        _ = try await keys.key("rsa-1", algorithm: .RS256)
        let before = keys.generation
        endpoint.state.update { $0.failure = .internalServerError }
        let running = Task { try await keys.run() }
        try await eventually("they are given up") { keys.keyAtHand("rsa-1", algorithm: .RS256) == nil }
        try await eventually("and tokens verified with them") { keys.generation != before }
        endpoint.state.update { $0.failure = nil }
        try await eventually("they are back") { keys.keyAtHand("rsa-1", algorithm: .RS256) != nil }
        running.cancel()
        _ = try? await running.value
        await endpoint.stop()
    }

    @Test(
        arguments: [
            ("max-age=300", 300), ("public, max-age=60, must-revalidate", 60), ("MAX-AGE=5", 5), ("max-age=\"7\"", 7),
            ("no-store", 0), ("max-age=300, no-cache", 0), ("public", nil), ("max-age=", nil), ("max-age=-1", nil),
            ("max-age=1, max-age=9", 1), ("max-age=99999999999999999999", Int64.max), ("s-maxage=3", nil), ("", nil),
        ] as [(String, Int64?)])
    func cacheControl(_ header: String, _ age: Int64?) { #expect(CacheControl.maxAge(header) == age) }
}
