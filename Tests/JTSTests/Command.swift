import Foundation
import TestSupport

/// Runs the built `jts` as a person would.
enum Command {
    static func run(
        _ arguments: [String], input: String? = nil, home: TemporaryDirectory? = nil,
        environment: [String: String] = [:]
    ) async throws -> ChildProcess.Outcome {
        var environment = environment
        if let home { environment["XDG_CONFIG_HOME"] = home.path }
        return try await ChildProcess.run(executable, arguments, environment: environment, input: input)
    }

    /// The product beside the running tests, or the one of the debug build.
    private static var executable: String {
        let own = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let candidates = [own.appendingPathComponent("jts").path, ".build/debug/jts"]
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0) } ?? candidates[1]
    }
}
