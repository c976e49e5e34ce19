import Foundation
import StrictJSON
import Testing

@testable import Cedar

/// The reference implementation, in Python's package `cedarpy`.
enum DecisionOracle {
    struct Case: Sendable {
        let policies: String
        let entities: String
        let requests: [AuthorizationRequest]
    }

    struct Answer: Hashable, CustomStringConvertible {
        let decision: String
        let reasons: Set<String>
        /// Each a policy and the kind of error.
        let errors: Set<String>

        init(_ response: AuthorizationResponse) {
            decision = response.decision == .allow ? "Allow" : "Deny"
            reasons = Set(response.reasons.map(\.description))
            errors = Set(response.errors.map { "\($0.policy) \($0.error.kind)" })
        }

        init?(_ json: JSONValue) {
            guard let parts = json.array, parts.count == 3, let decision = parts[0].string,
                let reasons = parts[1].strings,
                let errors = parts[2].strings
            else { return nil }
            self.decision = decision
            self.reasons = Set(reasons)
            self.errors = Set(errors)
        }

        var description: String { "\(decision) because of \(reasons.sorted()), errors in \(errors.sorted())" }
    }

    /// What the reference says: answers to the requests of each case, or why it takes the case for malformed.
    static func answers(_ cases: [Case]) throws -> [Result<[Answer], Malformed>] {
        let output = try run(try cases.map { try line($0) }.joined(separator: "\n"))
        let lines = output.split(separator: "\n")
        try #require(lines.count == cases.count, "cedarpy answered \(lines.count) of \(cases.count) cases")
        return try lines.map { line in
            let json = try json(String(line))
            if let error = json["error"]?.string { return .failure(Malformed(message: error)) }
            let answers = try #require(json["answers"]?.array)
            return .success(try answers.map { try #require(Answer($0)) })
        }
    }

    struct Malformed: Error { let message: String }

    /// Why the reference refuses each of some documents of entities; nil for those it takes.
    static func refusals(ofEntities documents: [String], schema: String?) throws -> [String?] {
        let lines = documents.map { document in
            var line: JSONObject = ["entities": .string(document)]
            line["schema"] = schema.map { .string($0) }
            return JSONValue.object(line).encodedString()
        }
        return try run(lines.joined(separator: "\n")).split(separator: "\n").map {
            try json(String($0))["error"]?.string
        }
    }

    private static func line(_ test: Case) throws -> String {
        let requests = try test.requests.map { request -> JSONValue in
            [
                "principal": request.principal.json, "action": request.action.json, "resource": request.resource.json,
                "context": .string(try request.context.json.encodedString()),
            ]
        }
        let json: JSONValue = [
            "policies": .string(test.policies), "entities": .string(test.entities), "requests": .array(requests),
        ]
        return json.encodedString()
    }

    /// Runs the script; its input and output go through files, as pipes take only so much.
    private static func run(_ input: String) throws -> String {
        let python = try #require(
            ProcessInfo.processInfo.environment["JTS_PYTHON"],
            "JTS_PYTHON names no interpreter: deploy/local/python-env test makes one with the libraries")
        let base = FileManager.default.temporaryDirectory.appendingPathComponent("cedarpy-\(UUID().uuidString)").path
        let files = ["in", "out"].map { "\(base).\($0)" }
        defer { files.forEach { try? FileManager.default.removeItem(atPath: $0) } }
        try Data(input.utf8).write(to: URL(fileURLWithPath: files[0]))
        try Data().write(to: URL(fileURLWithPath: files[1]))
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("cedarpy_oracle.py").path
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [python, script]
        process.standardInput = try #require(FileHandle(forReadingAtPath: files[0]))
        process.standardOutput = try #require(FileHandle(forWritingAtPath: files[1]))
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "cedarpy_oracle.py failed")
        return try String(contentsOfFile: files[1], encoding: .utf8)
    }
}

extension EvaluationError {
    /// As the script calls it.
    fileprivate var kind: String {
        switch self {
        case .type: "type"
        case .noSuchEntity: "entity"
        case .noSuchAttribute: "attribute"
        case .noSuchTag: "tag"
        case .overflow: "overflow"
        case .extension: "extension"
        case .unknown: "unknown"
        case .tooDeep: "depth"
        }
    }
}
