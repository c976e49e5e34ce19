import Foundation
import JOSE
import StrictJSON

/// The last good bundles on disk, for a start while policy-service is away. They are verified when they are read as when
/// they came; what is on disk is trusted no more than what comes over the network.
struct PolicyFiles: Sendable {
    let folder: String

    struct Stored: Sendable {
        let statement: String
        let body: [UInt8]
    }

    /// Where the keys that were fetched last are kept.
    static func keys(in folder: String) -> String { folder + "/statement-keys.json" }

    func read(_ kind: PolicyStatement.Kind) -> Stored? {
        guard let data = FileManager.default.contents(atPath: path(kind)),
            let end = data.firstIndex(of: UInt8(ascii: "\n"))
        else { return nil }
        return Stored(
            statement: String(decoding: data[..<end], as: UTF8.self), body: Array(data[data.index(after: end)...]))
    }

    /// What is stored, with the statement that came last for it; nil when none came since.
    func renewed(_ kind: PolicyStatement.Kind, _ stored: Stored) -> Stored? {
        guard let data = FileManager.default.contents(atPath: renewal(kind)), data.count <= 4_096 else { return nil }
        let statement = String(decoding: data, as: UTF8.self)
        // One of another body was left behind when this body was replaced.
        guard PolicyStatement.claimedDigest(of: statement) == PolicyStatement.digest(of: stored.body) else {
            return nil
        }
        return Stored(statement: statement, body: stored.body)
    }

    /// One file, so that statement and body always belong together.
    func write(_ kind: PolicyStatement.Kind, _ stored: Stored) throws {
        var data = Data(stored.statement.utf8)
        data.append(UInt8(ascii: "\n"))
        data.append(contentsOf: stored.body)
        try PrivateFile.write(data, to: path(kind))
        try? FileManager.default.removeItem(atPath: renewal(kind))
    }

    /// Leaves a younger statement beside the body that it speaks of, which is not written again.
    func renew(_ kind: PolicyStatement.Kind, _ statement: String) throws {
        try PrivateFile.write(Data(statement.utf8), to: renewal(kind))
    }

    private func path(_ kind: PolicyStatement.Kind) -> String {
        folder + (kind == .policies ? "/policies.bundle" : "/entities.bundle")
    }

    private func renewal(_ kind: PolicyStatement.Kind) -> String {
        folder + (kind == .policies ? "/policies.statement" : "/entities.statement")
    }
}
