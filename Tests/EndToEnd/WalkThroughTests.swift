import Foundation
import StrictJSON
import TestSupport
import Testing

/// `make run`'s walk-through, as it is, over systems of the tests.
@Suite struct WalkThroughTests {
    @Test func sqliteAndPostgresWithReplicas() async throws {
        var replicated = TestSystemOptions()
        replicated.replicas = 2
        replicated.store = .postgres
        // Most of a tour is waiting for the next code of an authenticator: both at once.
        async let small = tour(TestSystemOptions())
        async let large = tour(replicated)
        for output in try await [small, large] {
            #expect(output.contains("Everything was as expected."), "\(output)")
            #expect(output.contains("none failed"))
            #expect(output.contains("after the logout was answered"))
        }
    }

    private func tour(_ options: TestSystemOptions) async throws -> String {
        try await withSystem(options) { system in
            let state = try await rememberedAdministrator(of: system)
            // The last replica: what it answers has to hold for order-api, which asks another one.
            return try await ChildProcess.check(
                Project.python,
                [
                    Project.file("deploy/local/walkthrough.py"), "tour", "--token-service",
                    system.tokenServices[system.tokenServices.count - 1].url, "--order-api", system.orders.url,
                    "--state", state.path,
                ], environment: ["PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"], within: .seconds(240))
        }
    }
}
