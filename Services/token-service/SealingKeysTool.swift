import Foundation
import Logging
import Sealing

/// `token-service sealing-keys …`: changes the ring of key-encryption keys in the file, while the service runs.
///
/// The order that loses nothing: `add` (wait until every replica has read the file, a minute), `promote` (replicas
/// re-wrap), `list` until nothing is left under the old key, `remove`.
enum SealingKeysTool {
    static let usage = "usage: token-service sealing-keys list | add ID | promote ID | remove ID"

    struct Fault: Error, CustomStringConvertible { let description: String }

    /// - Returns: what to print.
    static func run(
        _ arguments: [String], _ configuration: TokenServiceConfiguration, logger: Logger
    ) async throws -> String {
        let file = configuration.keyFile
        switch (arguments.first, arguments.dropFirst().first, arguments.count) {
        case ("list", nil, 1): return try await list(configuration, logger: logger)
        case ("add", let id?, 2):
            return describe(
                try KeyEncryptionKeyRing.update(file: file) { ring throws(SealingError) in try ring.adding(id: id) })
        case ("promote", let id?, 2):
            return describe(
                try KeyEncryptionKeyRing.update(file: file) { ring throws(SealingError) in try ring.promoting(id: id) })
        case ("remove", let id?, 2):
            let left = try await census(configuration, logger: logger)[id] ?? 0
            guard left == 0 else {
                throw Fault(description: "\(left) values are still under \(id): promote another key and wait")
            }
            return describe(
                try KeyEncryptionKeyRing.update(file: file) { ring throws(SealingError) in try ring.removing(id: id) })
        default: throw Fault(description: usage)
        }
    }

    private static func list(_ configuration: TokenServiceConfiguration, logger: Logger) async throws -> String {
        let ring = try KeyEncryptionKeyRing.load(fromFile: configuration.keyFile, createIfMissing: false)
        let counts = try await census(configuration, logger: logger)
        return ring.keyIDs.map { id in
            "\(id)  \(counts[id] ?? 0) values\(id == ring.primaryID ? "  primary" : "")"
        }.joined(separator: "\n")
    }

    private static func census(
        _ configuration: TokenServiceConfiguration, logger: Logger
    ) async throws -> [String: Int] {
        let platform = try await Platform.open(configuration, logger: logger)
        let counts = try await Rewrapping(platform).census()
        await platform.database.shutdown()
        return counts
    }

    private static func describe(_ ring: KeyEncryptionKeyRing) -> String {
        "keys: \(ring.keyIDs.joined(separator: ", ")); primary: \(ring.primaryID)"
    }
}

extension Rewrapping {
    init(_ platform: Platform) {
        self.init(
            database: platform.database, sealer: platform.sealer, keyFile: platform.configuration.keyFile,
            logger: platform.logger)
    }
}
