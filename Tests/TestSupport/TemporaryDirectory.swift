import Foundation

/// A folder of its own for a test, readable by its owner alone; it goes with the object.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init(_ prefix: String = "jts") throws {
        path = NSTemporaryDirectory() + "\(prefix)-\(UUID().uuidString.prefix(12))"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    package func file(_ name: String) -> String { path + "/" + name }

    /// Writes a file, readable by its owner alone, and returns its path.
    @discardableResult
    package func write(_ text: String, to name: String) throws -> String {
        let path = file(name)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        return path
    }
}
