import Foundation
import StrictJSON
import TestSupport
import Testing

/// What is thrown at every service, whatever it does.
enum Fuzzing {
    /// Tries every operation of a document, or some, and fails when an answer is none that the document knows.
    /// - Parameter selection: options that say which operations.
    static func schemathesis(
        _ document: String, _ url: String, token: String?, _ selection: [String] = []
    ) async throws {
        let folder = try TemporaryDirectory("jts-schemathesis")
        // The token comes from the environment: a command line is for everybody to read.
        let headers = token == nil ? "" : "headers = { Authorization = \"Bearer ${TOKEN}\" }\n"
        let file = try folder.write(headers, to: "schemathesis.toml")
        let program = URL(fileURLWithPath: Project.python).deletingLastPathComponent()
            .appendingPathComponent("schemathesis").path
        let outcome = try await ChildProcess.run(
            program,
            [
                "--config-file", file, "run", document, "--url", url, "--no-color", "--seed", "1",
                "--phases", "examples,coverage,fuzzing", "--max-examples", isLong ? "100" : "4",
                "--checks",
                "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
                    + "response_schema_conformance",
                "--suppress-health-check", "all", "--warnings", "off", "--generation-database", "none",
                "--continue-on-failure", "--request-timeout", "30",
            ] + selection, environment: ["TOKEN": token ?? ""], workingDirectory: folder.path, within: .seconds(900))
        #expect(
            outcome.succeeded,
            "\(document) \(token == nil ? "without" : "with") token:\n\(outcome.output.suffix(6_000))\(outcome.errors)")
    }

    static func conformanceBodies() async throws -> [(String, [UInt8])] {
        let folder = try TemporaryDirectory("jts-json")
        let base =
            ProcessInfo.processInfo.environment["JTS_CONFORMANCE_DIR"] ?? Project.file("../shared/conformance")
        try await ChildProcess.check(
            "tar", ["-xzf", base + "/json/test_parsing.tar.gz", "-C", folder.path, "--strip-components=1"])
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map { name in
            (name, [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder.file(name)))))
        }
    }

    /// Of the service's own document: method and path, with an id that names nothing for each parameter but types of entities.
    static func jsonRoutes(_ http: TestHTTP) async throws -> [(String, String)] {
        let document = try await http.call("GET", "/openapi.json").require(200).json
        var routes: [(String, String)] = []
        for (path, item) in document["paths"]?.object?.members ?? [] {
            for (method, operation) in item.object?.members ?? []
            where operation["requestBody"]?["content"]?["application/json"] != nil {
                let concrete = path.replacing("{type}", with: "Desk")
                    .replacing(/\{[^}]+\}/, with: "11111111-2222-4333-8444-555555555555")
                routes.append((method.uppercased(), concrete))
            }
        }
        return routes
    }

    /// Sixteen at a time.
    static func inParallel<Input: Sendable, Output: Sendable>(
        _ inputs: [(String, Input)], _ body: @escaping @Sendable (String, Input) async throws -> Output
    ) async throws -> [Output] {
        try await withThrowingTaskGroup(of: Output.self) { group in
            var outputs: [Output] = []
            for (index, (name, input)) in inputs.enumerated() {
                if index >= 16, let output = try await group.next() { outputs.append(output) }
                group.addTask { try await body(name, input) }
            }
            for try await output in group { outputs.append(output) }
            return outputs
        }
    }
}
