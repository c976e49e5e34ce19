import Foundation
import Hummingbird
import StrictJSON
import TestSupport
import Testing

@testable import APISecurity

/// JSONTestSuite through a route: no text makes it fail, and none that is no JSON is taken.
@Suite struct JSONTestSuiteTests {
    @Test func everyText() async throws {
        let api = TestAPI { router in
            router.post("/any", .public) { request, context in .json(["got": try await request.json(context)]) }
            router.post("/object", .public) { request, context in
                var fields = try await request.fields(context)
                _ = fields.optionalString("a")
                try fields.finish()
                return .noContent
            }
        }
        let folder = try TemporaryDirectory("json-test-suite")
        try await ChildProcess.check(
            "tar", ["-xzf", try Self.archive(), "-C", folder.path, "--strip-components=1"])
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(names.count == 222)
        for name in names {
            let bytes = try #require(FileManager.default.contents(atPath: folder.file(name)).map { [UInt8]($0) })
            let answer = try await api.post("/any", bytes)
            let object = try await api.post("/object", bytes)
            #expect(answer.status == 200 || answer.problem == "invalid-json", "\(name): \(answer.text)")
            switch name.prefix(2) {
            case "y_":
                // A name twice, and U+0000, are JSON that is refused by design.
                let isRefused =
                    name.contains("duplicated_key") || name.contains("null_escape") || name.contains("escaped_null")
                #expect(answer.status == (isRefused ? 400 : 200), "\(name)")
                #expect(object.status == 204 || object.status == 400, "\(name)")
            case "n_":
                #expect(answer.status == 400, "\(name)")
                #expect(object.status == 400, "\(name)")
            default:
                #expect(answer.status == 200 || answer.status == 400, "\(name)")
                #expect(object.status == 204 || object.status == 400, "\(name)")
            }
        }
    }

    /// The public suites stand beside the project or where `JTS_CONFORMANCE_DIR` says.
    private static func archive() throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folder =
            ProcessInfo.processInfo.environment["JTS_CONFORMANCE_DIR"]
            ?? root.appending(path: "../shared/conformance").standardizedFileURL.path
        let path = folder + "/json/test_parsing.tar.gz"
        try #require(
            FileManager.default.fileExists(atPath: path),
            "conformance suite missing: \(path) (set JTS_CONFORMANCE_DIR to the folder that holds json/)")
        return path
    }
}
