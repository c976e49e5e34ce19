import Foundation

/// A file that is this process' own: whole or not there, and readable by its owner alone.
enum PrivateFile {
    /// Written beside it and renamed over it, mode 0600; folders that are missing are made, mode 0700.
    static func write(_ data: Data, to path: String) throws {
        try FileManager.default.createDirectory(
            at: URL(fileURLWithPath: path).deletingLastPathComponent(), withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        let beside = "\(path).\(UUID().uuidString)"
        guard
            FileManager.default.createFile(
                atPath: beside, contents: data, attributes: [.posixPermissions: 0o600])
        else { throw CocoaError(.fileWriteUnknown) }
        guard rename(beside, path) == 0 else {
            try? FileManager.default.removeItem(atPath: beside)
            throw CocoaError(.fileWriteUnknown)
        }
    }
}
