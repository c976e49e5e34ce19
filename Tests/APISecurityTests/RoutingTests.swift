import HTTPTypes
import Hummingbird
import Testing

@testable import APISecurity

@Suite struct RoutingTests {
    private let api = TestAPI { router in
        router.get("/", .public) { _, context in .echo("root", context) }
        router.get("/v1/users", .public) { _, context in .echo("list", context) }
        router.post("/v1/users", .public) { _, context in .echo("create", context) }
        router.get("/v1/users/me", .public) { _, context in .echo("me", context) }
        router.get("/v1/users/{user}", .public) { _, context in .echo("one", context, "user") }
        router.delete("/v1/users/{user}", .public) { _, context in .echo("delete", context, "user") }
        router.get("/v1/users/{user}/keys", .public) { _, context in .echo("keys", context, "user") }
        router.get("/v1/{kind}/mine/keys", .public) { _, context in .echo("mine", context, "kind") }
        router.get("/v1/users/{user}/keys/{key}", .public) { _, context in .echo("key", context, "user", "key") }
        router.get("/v1/Kinds", .public) { _, context in .echo("kinds", context) }
    }

    @Test(arguments: [
        ("/", "root"), ("/v1/users", "list"), ("/v1/users?limit=3", "list"), ("/v1/users?", "list"),
        ("/v1/users/me", "me"), ("/v1/users/7", "one"), ("/v1/users/7/keys", "keys"), ("/v1/things/mine/keys", "mine"),
        // A literal further left decides.
        ("/v1/users/mine/keys", "keys"), ("/v1/users/7/keys/8", "key"),
        // The absolute form that proxies use.
        ("http://test/v1/users", "list"), ("HTTPS://test:8443/v1/users/me?a=b", "me"), ("http://test", "root"),
        ("http://test?x=1", "root"),
    ])
    func found(target: String, route: String) async throws {
        let answer = try await api.send(.get, target)
        #expect(answer.status == 200)
        #expect(answer["route"] == route)
    }

    @Test(arguments: [
        "/v1", "/v1/", "/v1/users/", "//v1/users", "/v1//users", "/v1/users//keys", "/V1/users", "/v1/Users",
        "/v1/%75sers", "/v1%2Fusers", "/v1/users/7/keys/", "/v1/users/7/keys/8/9", "*", "/v1/users;x=1",
        "/v1/./users", "/./v1/users", "/v1/x/../users", "/" + String(repeating: "a/", count: 500),
    ])
    func notFound(target: String) async throws {
        let answer = try await api.send(.get, target)
        #expect(answer.status == 404, "\(target)")
        #expect(answer.problem == "not-found")
    }

    /// What another reader of the target could take for something else is refused, not guessed at.
    @Test(arguments: [
        "", "v1/users", "ftp://test/v1/users", "x://y/v1/users", "test:80", "http:/v1/users", "http:///v1/users",
        "http://user@test/v1/users", "/v1/users#fragment", "/v1/users?x#y", "/v1\\users", "/v1/us|ers", "/v1/us\"ers",
        "/v1/users/{user}", "/v1/us ers", "/v1/users/é", "/v1/users?q=é", "/v1/users/a/\u{301}b",
        // U+212A KELVIN SIGN is canonically equivalent to K.
        "/v1/\u{212A}inds",
        "/v1/users/%", "/v1/users/%4", "/v1/users/%zz", "/v1/users/%00", "/v1/users/%0a", "/v1/users/%7f",
        "/v1/users/%ff", "/v1/users/%c0%af", "/v1/users/%ed%a0%80", "/v1/users/.", "/v1/users/..", "/v1/users/%2e",
        "/v1/users/%2E%2e", "/v1/users/.%2e/keys", "/v1/users/7/keys/..",
    ])
    func malformed(target: String) async throws {
        let answer = try await api.send(.get, target)
        #expect(answer.status == 400, "\(target)")
        #expect(answer.problem == "bad-path")
    }

    /// An escaped slash is data of its segment and never leads to another route.
    @Test(arguments: [
        ("/v1/users/a%2Fb", "one", "a/b"), ("/v1/users/me%2Fkeys", "one", "me/keys"), ("/v1/users/%6de", "one", "me"),
        ("/v1/users/a+b", "one", "a+b"), ("/v1/users/%C3%A9", "one", "é"), ("/v1/users/%2525", "one", "%25"),
        ("/v1/users/...", "one", "..."), ("/v1/users/x%2F..%2Fme/keys", "keys", "x/../me"),
    ])
    func decoded(target: String, route: String, user: String) async throws {
        let answer = try await api.send(.get, target)
        #expect(answer["route"] == route)
        #expect(answer["user"] == user)
    }

    @Test func otherMethods() async throws {
        let list = try await api.send(.put, "/v1/users")
        #expect(list.status == 405)
        #expect(list.problem == "method-not-allowed")
        #expect(list.values("Allow") == ["GET, HEAD, POST"])
        #expect(try await api.send(.post, "/v1/users/7").values("Allow") == ["DELETE, GET, HEAD"])
        // The literal path is a resource of its own: the pattern's methods are not lent to it.
        let me = try await api.send(.delete, "/v1/users/me")
        #expect(me.status == 405)
        #expect(me.values("Allow") == ["GET, HEAD"])
        for method in [HTTPRequest.Method.options, .trace, .connect, .patch] {
            #expect(try await api.send(method, "/v1/users").status == 405)
        }
        let custom = try #require(HTTPRequest.Method("get"))
        #expect(try await api.send(custom, "/v1/users").status == 405, "methods are told apart by case")
    }

    @Test func headIsGetWithoutABody() async throws {
        let get = try await api.send(.get, "/v1/users/7")
        let head = try await api.send(.head, "/v1/users/7")
        #expect(head.status == 200)
        #expect(head.bytes.isEmpty)
        #expect(head.headers[.contentLength] == get.headers[.contentLength])
        #expect(head.headers[.contentType] == "application/json")
        let missing = try await api.send(.head, "/nowhere")
        #expect(missing.status == 404)
        #expect(missing.bytes.isEmpty)
    }

    @Test func headOfItsOwnGoesFirst() async throws {
        let api = TestAPI { router in
            router.get("/x", .public) { _, _ in .json(["a": 1]) }
            router.on(.head, "/x", .public) { _, _ in Response(status: .accepted) }
        }
        #expect(try await api.send(.head, "/x").status == 202)
        #expect(try await api.send(.put, "/x").values("Allow") == ["GET, HEAD"])
    }
}
