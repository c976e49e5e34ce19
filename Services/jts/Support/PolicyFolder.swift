import Foundation
import StrictJSON

/// A folder of policies as the API takes it.
enum PolicyFolder {
    static func read(_ folder: String) throws -> JSONValue {
        let root = URL(fileURLWithPath: folder, isDirectory: true).standardizedFileURL
        guard let paths = FileManager.default.enumerator(atPath: root.path) else {
            throw CommandFault.usage("\(Console.printable(folder)) cannot be read")
        }
        var files: [(String, JSONValue)] = []
        for case let path as String in paths
        where path.hasSuffix(".cedar") || path.hasSuffix(".cedarschema") || path.hasSuffix(".json") {
            guard let text = try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8) else {
                throw CommandFault.usage("\(Console.printable(path)) is no text in UTF-8")
            }
            files.append((path, .string(text)))
        }
        guard !files.isEmpty else { throw CommandFault.usage("\(Console.printable(folder)) holds no policies") }
        return .object(JSONObject(files.sorted { $0.0 < $1.0 }))
    }
}

enum PolicyReport {
    /// Errors, warnings and tests, as far as there are such.
    static func print(_ json: JSONValue) {
        for (name, label) in [("errors", "error"), ("warnings", "warning")] {
            for finding in json[name]?.array ?? [] {
                Console.print("\(label): \(Console.printable(finding["message"]?.string ?? finding.string ?? ""))")
            }
        }
        guard let tests = json["tests"]?.array, !tests.isEmpty else { return }
        let failed = tests.filter { $0["passed"]?.bool != true }
        Console.print("\(tests.count - failed.count) of \(tests.count) tests passed")
    }

    static func activation(_ json: JSONValue) {
        let sequence = json["sequence"]?.int.map { ", sequence \($0)" } ?? ""
        Console.print(
            "activation \(json["id"]?.int ?? 0): version \(json["version"]?.int ?? 0) \(json["state"]?.string ?? "")\(sequence)"
        )
    }

    static func row(_ json: JSONValue, _ columns: [String]) -> [String] {
        columns.map { json[$0]?.string ?? json[$0]?.int.map { "\($0)" } ?? "" }
    }
}
