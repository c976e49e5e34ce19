import Foundation
import TestSupport
import Testing

/// A service whose certificate an authority of its own has signed.
@Suite struct AuthorityTests {
    let home: TemporaryDirectory
    let certificates: TestCertificates
    let stub: Stub

    init() async throws {
        home = try TemporaryDirectory("jts-home")
        certificates = try await TestCertificates()
        stub = try await Stub(certificates)
    }

    private func jts(_ arguments: [String], environment: [String: String] = [:]) async throws -> ChildProcess.Outcome {
        let input = arguments.first == "login" ? "ann\ncorrect horse\n123456\n" : nil
        return try await Command.run(arguments, input: input, home: home, environment: environment)
    }

    private var login: [String] { ["login", "--url", "https://localhost:\(stub.port)"] }

    @Test func isUnknownUnlessNamed() async throws {
        let outcome = try await jts(login)
        #expect(outcome.status == .exited(4))
        #expect(outcome.errors.contains("--ca-file"), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: home.file("jts/credentials.json")))
    }

    @Test func isRememberedWhereTheOptionNamedIt() async throws {
        let outcome = try await jts(login + ["--ca-file", certificates.authority])
        try #require(outcome.status == .exited(0), "\(outcome.errors)")
        #expect(try await jts(["sessions", "list"]).status == .exited(0))
        // And after the token was traded once.
        #expect(try await jts(["sessions", "list"]).status == .exited(0))
        #expect(try await jts(["logout"]).status == .exited(0))
    }

    @Test func comesFromTheEnvironmentOfEachCommand() async throws {
        let named = ["JTS_CA_FILE": certificates.authority]
        let outcome = try await jts(login, environment: named)
        try #require(outcome.status == .exited(0), "\(outcome.errors)")
        #expect(try await jts(["sessions", "list"]).status == .exited(4))
        #expect(try await jts(["sessions", "list"], environment: named).status == .exited(0))
    }

    @Test func takesThePlaceOfAllOthers() async throws {
        let other = try await TestCertificates()
        #expect(try await jts(login + ["--ca-file", other.authority]).status == .exited(4))
        #expect(
            try await jts(login + ["--ca-file", other.authority], environment: ["JTS_CA_FILE": certificates.authority])
                .status == .exited(4))
    }

    @Test func isReadBeforeAnythingIsAsked() async throws {
        for file in [home.file("missing.pem"), try home.write("no certificate\n", to: "empty.pem")] {
            let outcome = try await jts(login + ["--ca-file", file])
            #expect(outcome.status == .exited(2))
            #expect(outcome.errors.contains("PEM"), "\(outcome.errors)")
        }
    }
}
