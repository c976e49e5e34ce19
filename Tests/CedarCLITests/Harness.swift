import Foundation
import StrictJSON
import Synchronization

@testable import CedarCLI

/// A terminal in memory.
final class TestTerminal: Terminal {
    private let state: Mutex<State>
    /// The most that is read at once.
    private let portion: Int

    private struct State {
        var input: ArraySlice<UInt8>
        var output: [UInt8] = []
        var errors = ""
        var writes = 0
    }

    init(input: String = "", portion: Int = .max) {
        state = Mutex(State(input: Array(input.utf8)[...]))
        self.portion = portion
    }

    func read(upTo count: Int) -> [UInt8] {
        state.withLock { state in
            let part = state.input.prefix(min(count, portion))
            state.input = state.input.dropFirst(part.count)
            return Array(part)
        }
    }

    func write(_ bytes: [UInt8]) {
        state.withLock { state in
            state.output += bytes
            state.writes += 1
        }
    }

    func writeError(_ text: String) { state.withLock { $0.errors += text } }

    var output: String { state.withLock { String(decoding: $0.output, as: UTF8.self) } }
    var errors: String { state.withLock { $0.errors } }
    var writes: Int { state.withLock { $0.writes } }
}

/// The command, run in this process.
struct Run {
    let status: ExitStatus
    let output: String
    let errors: String
    let writes: Int

    init(_ arguments: [String], input: String = "", portion: Int = .max) {
        let terminal = TestTerminal(input: input, portion: portion)
        status = LargeStack.run { CedarTool.run(arguments, in: terminal) }
        output = terminal.output
        errors = terminal.errors
        writes = terminal.writes
    }

    init(_ arguments: String..., input: String = "") { self.init(arguments, input: input) }

    /// One JSON document for each line of the output.
    func lines() throws -> [JSONValue] {
        try output.split(separator: "\n").map {
            try JSONValue(parsing: String($0), limits: JSONLimits(maxBytes: 1 << 24, maxDepth: 64, maxMembers: 1 << 20))
        }
    }
}

/// A folder that is removed when nothing refers to it any more.
final class Folder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "cedar-cli-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        let file = path + "/" + name
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        return file
    }

    func read(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)), as: UTF8.self)
    }
}

/// The built command, run as a process of its own.
enum Product {
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Runs it to its end.
    static func run(_ arguments: [String], input: String = "", in workingDirectory: String? = nil) throws -> Outcome {
        let folder = try Folder()
        let files = try ["in": input, "out": "", "err": ""].map { try folder.write($0.key, $0.value) }
        precondition(files.count == 3)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.currentDirectoryURL = workingDirectory.map { URL(fileURLWithPath: $0) }
        process.standardInput = FileHandle(forReadingAtPath: folder.path + "/in")
        process.standardOutput = FileHandle(forWritingAtPath: folder.path + "/out")
        process.standardError = FileHandle(forWritingAtPath: folder.path + "/err")
        try process.run()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: try folder.read("out"), errors: try folder.read("err"))
    }

    /// The product beside the running tests.
    static var executable: String {
        let own = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
        let candidates = [own.appendingPathComponent("cedar").path, ".build/debug/cedar"]
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0) } ?? candidates[1]
    }
}
