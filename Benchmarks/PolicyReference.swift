import Foundation
import StrictJSON

/// The reference implementation behind `cedarpy_bench.py`: its policies and entities are parsed when a workload is loaded, and
/// the times are those that it takes itself, of deciding alone.
final class PolicyReference {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var unread: [UInt8] = []

    struct Loaded {
        let decisions: [Bool]
        /// Seconds to parse the policies.
        let parsing: Double
    }

    init() throws {
        process.executableURL = URL(fileURLWithPath: try PolicyReference.python())
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "cedarpy_bench.py")
        process.arguments = [script.path]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    func stop() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    func load(_ workload: PolicyWorkload) throws -> Loaded {
        let answer = try ask(["load": try workload.json()])
        guard let decisions = answer["decisions"]?.array, let parsing = answer["parsing"]?.number else {
            throw Failure(what: "cedarpy did not load \(workload.name)")
        }
        return Loaded(decisions: decisions.map { $0 == .bool(true) }, parsing: parsing)
    }

    /// Microseconds for a decision of what was loaded last: the mean when warm, the median when caches were emptied.
    func decide(cold: Bool) throws -> Double {
        guard let micros = try ask(["decide": .string(cold ? "cold" : "warm")])["micros"]?.number else {
            throw Failure(what: "cedarpy did not decide")
        }
        return micros
    }

    private func ask(_ question: JSONValue) throws -> JSONValue {
        try input.fileHandleForWriting.write(contentsOf: Data(question.encoded() + [UInt8(ascii: "\n")]))
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(unread[..<end])
                unread.removeFirst(end + 1)
                let answer = try JSONValue(parsing: line)
                if let error = answer["error"]?.string { throw Failure(what: "cedarpy: \(error)") }
                return answer
            }
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw Failure(what: "cedarpy_bench.py ended") }
            unread += data
        }
    }

    /// An interpreter that has the packages of `requirements-test.txt`.
    private static func python() throws -> String {
        if let python = ProcessInfo.processInfo.environment["JTS_PYTHON"] { return python }
        let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let made = Process()
        let output = Pipe()
        made.executableURL = project.appending(path: "deploy/local/python-env")
        made.arguments = ["test"]
        made.standardOutput = output
        made.currentDirectoryURL = project
        try made.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        made.waitUntilExit()
        let folder = String(decoding: data, as: UTF8.self).split(separator: "\n").last.map(String.init) ?? ""
        guard made.terminationStatus == 0, !folder.isEmpty else { throw Failure(what: "python-env failed") }
        return (folder.hasPrefix("/") ? folder : project.appending(path: folder).path) + "/bin/python3"
    }
}

extension JSONValue {
    fileprivate var number: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }
}
