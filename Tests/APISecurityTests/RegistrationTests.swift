import HTTPTypes
import Hummingbird
import Testing

@testable import APISecurity

/// Routes that contradict each other, or say too little, do not start.
@Suite struct RegistrationTests {
    private static func start(_ register: (SecureRouter) -> Void) {
        _ = TestAPI { router in register(router) }
    }

    @Test func sameRouteTwice() async {
        await #expect(processExitsWith: .failure) {
            RegistrationTests.start { router in
                router.get("/a", .public) { _, _ in .noContent }
                router.get("/a", .authenticated) { _, _ in .noContent }
            }
        }
        await #expect(processExitsWith: .failure) {
            RegistrationTests.start { router in
                router.get("/a/{x}", .public) { _, _ in .noContent }
                router.get("/a/{x}", .authenticated) { _, _ in .noContent }
            }
        }
    }

    @Test func parametersNamedDifferently() async {
        await #expect(processExitsWith: .failure) {
            RegistrationTests.start { router in
                router.get("/a/{x}", .public) { _, _ in .noContent }
                router.post("/a/{y}", .authenticated) { _, _ in .noContent }
            }
        }
    }

    @Test func parameterTwice() async {
        await #expect(processExitsWith: .failure) {
            RegistrationTests.start { $0.get("/a/{x}/b/{x}", .public) { _, _ in .noContent } }
        }
    }

    @Test func badPaths() async {
        await #expect(processExitsWith: .failure) {
            RegistrationTests.start { $0.get("a", .public) { _, _ in .noContent } }
        }
        await #expect(processExitsWith: .failure) {
            RegistrationTests.start { $0.get("/a{x}", .public) { _, _ in .noContent } }
        }
        await #expect(processExitsWith: .failure) {
            RegistrationTests.start { $0.get("/é", .public) { _, _ in .noContent } }
        }
    }

    @Test func methodsThatAreNeverServed() async {
        await #expect(processExitsWith: .failure) {
            RegistrationTests.start { $0.on(.trace, "/a", .public) { _, _ in .noContent } }
        }
    }

    @Test func bodiesBeyondTheLimit() async {
        await #expect(processExitsWith: .failure) { _ = RouteOptions(bodyLimit: 10 << 20 + 1) }
    }

    /// The same, right: what the tests above rely on to tell one failure from another.
    @Test func wellFormedRoutesStart() async {
        await #expect(processExitsWith: .success) {
            RegistrationTests.start { router in
                router.get("/a", .public) { _, _ in .noContent }
                router.post("/a", .authenticated) { _, _ in .noContent }
                router.get("/a/{x}", .permission("a:read")) { _, _ in .noContent }
                router.post("/a/{x}", .privileged("a:write")) { _, _ in .noContent }
                router.get("/{y}/a", .public) { _, _ in .noContent }
            }
        }
    }

    @Test func everyRouteTellsWhatItAsks() {
        let api = TestAPI { router in
            router.get("/a", .public) { _, _ in .noContent }
            router.put("/b", .permission(.placeOrders)) { _, _ in .noContent }
            router.patch("/c", .privileged("x:y")) { _, _ in .noContent }
        }
        #expect(api.router.routes.map(\.access.permission) == [nil, "orders:place", "x:y"])
        #expect(api.router.routes.map(\.access.risk) == [.neutral, .increasing, .neutral])
    }
}
