import Foundation
import StrictJSON
import Testing

@testable import Cedar

/// The strict validator of the reference implementation, in Python's package `cedarpy`.
enum ValidationOracle {
    struct Failure: Error, CustomStringConvertible { let description: String }

    /// Policies, documents of entities, and requests with the parts "principal", "action", "resource" and "context".
    struct Case: Sendable {
        let schema: String
        var policies: [String] = []
        var entities: [JSONValue] = []
        var requests: [JSONValue] = []
    }

    struct Answer {
        /// The messages for each policy; none when it is valid.
        let policies: [[String]]
        /// The first message for each; nil when it is valid.
        let entities: [String?]
        let requests: [String?]
    }

    static func answers(_ cases: [Case]) throws -> [Answer] {
        let python = try #require(
            ProcessInfo.processInfo.environment["JTS_PYTHON"],
            "JTS_PYTHON names no interpreter: deploy/local/python-env test makes one with the libraries")
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("cedar-oracle-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let input = folder.appendingPathComponent("input")
        let output = folder.appendingPathComponent("output")
        var writer = JSONWriter()
        writer.value(.array(cases.map(\.json)))
        try Data(writer.bytes).write(to: input)
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [
            URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("validate_oracle.py")
                .path
        ]
        process.standardInput = try FileHandle(forReadingFrom: input)
        process.standardOutput = try FileHandle(forWritingTo: output)
        try process.run()
        process.waitUntilExit()
        let limits = JSONLimits(maxBytes: 256 << 20, maxDepth: 100, maxMembers: 10_000_000, allowsNUL: true)
        guard process.terminationStatus == 0,
            let answers = try JSONValue(parsing: [UInt8](Data(contentsOf: output)), limits: limits).array,
            answers.count == cases.count
        else { throw Failure(description: "the oracle failed") }
        return try answers.map { answer in
            guard let policies = answer["policies"]?.array, let entities = answer["entities"]?.array,
                let requests = answer["requests"]?.array
            else { throw Failure(description: "the oracle answers otherwise") }
            return Answer(
                policies: policies.map { $0.strings ?? [] }, entities: entities.map(\.string),
                requests: requests.map(\.string))
        }
    }

    /// The kind of error that the reference means; nil when it is none that is known.
    static func code(of message: String) -> ValidationIssue.Code? {
        // The words may stand in names within the message too; the first kind whose words are there is the one.
        let kinds: [(String, ValidationIssue.Code)] = [
            ("empty set literals", .emptySet),
            ("error during extension function argument validation", .invalidExtensionArgument),
            ("non-literal expressions", .nonLiteralExtensionArgument),
            ("wrong number of arguments", .wrongArgumentCount),
            ("unable to find an applicable action", .inapplicableScope),
            ("unrecognized entity type", .unknownEntityType),
            ("unrecognized action", .unknownAction),
            ("unexpected type", .unexpectedType),
            ("are not compatible", .incompatibleTypes),
            ("unable to guarantee safety of access to optional attribute", .unsafeOptionalAttribute),
            ("unable to guarantee safety of access to tag", .unsafeTag),
            ("because no `tags` were declared", .noSuchTag),
            (" not found", .noSuchAttribute),
            ("enumerated entity type", .unknownEnumeratedID),
        ]
        return kinds.first { message.contains($0.0) }?.1
    }
}

extension ValidationOracle.Case {
    fileprivate var json: JSONValue {
        [
            "schema": .string(schema), "policies": .array(policies.map { .string($0) }), "entities": .array(entities),
            "requests": .array(requests),
        ]
    }
}
