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
            #expect(output.contains("order-api refused by desk-halted"))
            #expect(output.contains("order-api decides by the old set"))
        }
    }

    private func tour(_ options: TestSystemOptions) async throws -> String {
        var options = options
        options.runsPolicyService = true
        return try await withSystem(options) { system in
            let state = try await rememberedAdministrator(of: system)
            let policies = try #require(system.policyService)
            // Where `make run` leaves it: the walk-through has the service stand still for a while.
            try FileManager.default.createDirectory(
                atPath: state.file("run"), withIntermediateDirectories: true)
            try state.write("\(policies.pid) policy-service\n", to: "run/policy-service.pid")
            // The last replica: what it answers has to hold for order-api, which asks another one.
            return try await ChildProcess.check(
                Project.python,
                [
                    Project.file("deploy/local/walkthrough.py"), "tour", "--token-service",
                    system.tokenServices[system.tokenServices.count - 1].url, "--policy-service", policies.url,
                    "--order-api", system.orders.url, "--state", state.path,
                ], environment: ["PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"], within: .seconds(420))
        }
    }
}
