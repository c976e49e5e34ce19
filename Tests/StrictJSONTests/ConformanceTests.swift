import Foundation
import StrictJSON
import TestSupport
import Testing

/// JSONTestSuite: `y_` must parse, `n_` must be refused, `i_` may be either but never crash.
@Suite struct ConformanceTests {
    /// What RFC 8259 allows and this parser refuses by design, as the rules of the house say and I-JSON (RFC 7493
    /// section 2.3) does: a name twice, and U+0000. Exactly these four of the suite.
    private static let refusedByDesign: [String: JSONParseError.Reason] = [
        "y_object_duplicated_key.json": .duplicateKey,
        "y_object_duplicated_key_and_value.json": .duplicateKey,
        "y_object_escaped_null_in_key.json": .nul,
        "y_string_null_escape.json": .nul,
    ]

    /// Implementation-defined texts that are taken: numbers that round to zero or to a double. Others are refused.
    private static let accepted: Set<String> = [
        "i_number_double_huge_neg_exp.json", "i_number_real_underflow.json",
        "i_number_too_big_neg_int.json", "i_number_too_big_pos_int.json",
        "i_number_very_big_negative_int.json",
    ]

    @Test func everyText() async throws {
        let folder = try TemporaryDirectory("json-test-suite")
        let archive = try conformanceFile("json/test_parsing.tar.gz")
        try await ChildProcess.check("tar", ["-xzf", archive, "-C", folder.path, "--strip-components=1"])
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        var counts: [Character: Int] = [:]
        for name in names {
            let bytes = try #require(FileManager.default.contents(atPath: folder.file(name)).map { [UInt8]($0) })
            let result = Result { () throws(JSONParseError) in try JSONValue(parsing: bytes) }
            counts[try #require(name.first), default: 0] += 1
            switch (name.prefix(2), result) {
            case ("y_", .success(let value)):
                #expect(Self.refusedByDesign[name] == nil, "\(name) was taken")
                // What is written is read back as the same value.
                #expect(try JSONValue(parsing: value.encoded()) == value, "\(name)")
            case ("y_", .failure(let error)): #expect(Self.refusedByDesign[name] == error.reason, "\(name): \(error)")
            case ("n_", .success): Issue.record("\(name) was taken")
            case ("n_", .failure(let error)): #expect((0...bytes.count).contains(error.offset), "\(name)")
            case ("i_", .success): #expect(Self.accepted.contains(name), "\(name) was taken")
            case ("i_", .failure): #expect(!Self.accepted.contains(name), "\(name) was refused")
            default: Issue.record("what is \(name)?")
            }
        }
        #expect(counts == ["y": 63, "n": 135, "i": 24])
    }
}

/// A file of the public conformance suites, which stand beside the project or where `JTS_CONFORMANCE_DIR` says.
private func conformanceFile(_ name: String) throws -> String {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    let folder =
        ProcessInfo.processInfo.environment["JTS_CONFORMANCE_DIR"]
        ?? root.appending(path: "../shared/conformance").standardizedFileURL.path
    let path = folder + "/" + name
    try #require(
        FileManager.default.fileExists(atPath: path),
        "conformance suite missing: \(path) (set JTS_CONFORMANCE_DIR to the folder that holds \(name))")
    return path
}
