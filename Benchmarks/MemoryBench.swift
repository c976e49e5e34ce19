import Foundation
import NIOCore
import TestSupport

/// Resident memory of token-service with 100,000 live sessions, all of them opened through its API.
enum MemoryBench {
    private static let sessions = 100_000
    private static let connections = 16

    static func run(_ report: inout Report) async throws {
        var options = TestSystemOptions()
        options.runsOrderAPI = false
        // Without a limit that would end the older ones.
        let catalogue = try String(contentsOfFile: Project.file("deploy/config/roles.yaml"), encoding: .utf8)
            .replacing("maximum: 5", with: "maximum: 100000").replacing("maximum: 10,", with: "maximum: 100000,")
        let folder = try TemporaryDirectory("jts-bench")
        options.environment["ROLES_FILE"] = try folder.write(catalogue, to: "roles.yaml")
        let system = try await TestSystem(options)
        let service = system.tokenServices[0]
        report.add("memory: token-service after its start", "MiB", [residentMiB(service.pid)])
        let people = try await withThrowingTaskGroup(of: TestPerson.self) { group in
            for _ in 0..<connections { group.addTask { try await system.person("trader", enrol: false) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for person in people {
                let body = #"{"username":"\#(person.username)","password":"\#(person.password)"}"#
                let request = Load.request(
                    "POST", "/v1/login", headers: [("Content-Type", "application/json")], body: body)
                group.addTask {
                    try await LoadConnection.with(port: service.port) { exchange in
                        for _ in 0..<(sessions / connections) {
                            let status = try await exchange.send(request).status
                            guard status == 200 else { throw Failure(what: "a sign-in answered \(status)") }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let seconds = Double((ContinuousClock.now - start).components.seconds)
        report.add("memory: sign-ins while the sessions were opened", "1/s", [Double(sessions) / seconds])
        report.add("memory: token-service with 100,000 live sessions", "MiB", [residentMiB(service.pid)], goal: 100)
        await system.shutdown()
    }
}
