import Foundation

/// Files of the project, wherever the tests are started.
package enum Project {
    package static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    package static func file(_ path: String) -> String { root + "/" + path }

    /// An interpreter that has the packages of `deploy/local/requirements-test.txt`: `JTS_PYTHON`.
    package static var python: String { ProcessInfo.processInfo.environment["JTS_PYTHON"] ?? "python3" }

    /// A product of the package: the one beside the running tests, or that of the debug build.
    package static func executable(_ product: String) throws -> String {
        let beside = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let candidates = [beside.appendingPathComponent(product).path, file(".build/debug/\(product)")]
        guard let found = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
            throw ChildProcess.Failure(description: "\(product) has not been built: \(candidates)")
        }
        return found
    }
}
