import Foundation

/// The last good bundles on disk, for a start while policy-service is away. They are verified when they are read as when
/// they came; what is on disk is trusted no more than what comes over the network.
struct PolicyFiles: Sendable {
    let folder: String

    struct Stored: Sendable {
        let statement: String
        let body: [UInt8]
    }

    func read(_ kind: PolicyStatement.Kind) -> Stored? {
        guard let data = FileManager.default.contents(atPath: path(kind)),
            let end = data.firstIndex(of: UInt8(ascii: "\n"))
        else { return nil }
        return Stored(
            statement: String(decoding: data[..<end], as: UTF8.self), body: Array(data[data.index(after: end)...]))
    }

    /// One file, so that statement and body always belong together: written beside it and renamed over it, mode 0600.
    func write(_ kind: PolicyStatement.Kind, _ stored: Stored) throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let target = path(kind)
        let beside = "\(target).\(UUID().uuidString)"
        var data = Data(stored.statement.utf8)
        data.append(UInt8(ascii: "\n"))
        data.append(contentsOf: stored.body)
        guard
            FileManager.default.createFile(
                atPath: beside, contents: data, attributes: [.posixPermissions: 0o600])
        else { throw CocoaError(.fileWriteUnknown) }
        guard rename(beside, target) == 0 else {
            try? FileManager.default.removeItem(atPath: beside)
            throw CocoaError(.fileWriteUnknown)
        }
    }

    private func path(_ kind: PolicyStatement.Kind) -> String {
        folder + (kind == .policies ? "/policies.bundle" : "/entities.bundle")
    }
}
