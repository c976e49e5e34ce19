import Foundation
import JOSE
import Logging
import ServiceKit
import Synchronization

/// Keys that are trusted because a file says so (a JWKS, RFC 7517 section 5).
///
/// The file is read again when a key is asked for that it did not have, at most once an interval: whoever rotates the keys
/// replaces the file, and nobody has to be started again. A file that cannot be read leaves the keys as they are.
final class PinnedKeys: VerificationKeys {
    private struct State {
        var table: KeyTable
        /// When the last reading began, and whether it succeeded.
        var readAt: ContinuousClock.Instant
        var isGood = true
    }

    private let path: String
    private let interval: Duration
    private let logger: Logger
    private let state: Mutex<State>
    private let generations = Atomic<UInt64>(0)
    private let readings = Atomic<Int>(1)

    /// - Parameter interval: at least so much lies between two readings.
    /// - Throws: what is wrong with the file.
    init(_ path: String, interval: Duration = .seconds(1), logger: Logger) throws {
        self.path = path
        self.interval = interval
        self.logger = logger
        state = Mutex(State(table: KeyTable(try PinnedKeys.read(path)), readAt: .now))
    }

    private static func read(_ path: String) throws -> [JWK] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError(["POLICY_JWKS_FILE: \(path) cannot be read"])
        }
        do {
            return try JWKSet(parsing: [UInt8](data)).keys
        } catch { throw ConfigurationError(["POLICY_JWKS_FILE: \(path): \(error)"]) }
    }

    var generation: UInt64 { generations.load(ordering: .acquiring) }

    /// How often the file was read.
    var readingCount: Int { readings.load(ordering: .relaxed) }

    func keyAtHand(_ keyID: String, algorithm: JWSAlgorithm) -> VerificationKey? {
        state.withLock { $0.table[keyID, algorithm] }
    }

    func key(_ keyID: String, algorithm: JWSAlgorithm) async throws(KeysUnavailable) -> VerificationKey? {
        if let key = keyAtHand(keyID, algorithm: algorithm) { return key }
        let asked = ContinuousClock.now
        let due = state.withLock { $0.readAt } + interval
        if due > asked { try? await Task.sleep(until: due, clock: .continuous) }
        guard readAgain(asked: asked) else { throw KeysUnavailable() }
        return keyAtHand(keyID, algorithm: algorithm)
    }

    /// - Returns: whether the file was read since it was asked for.
    private func readAgain(asked: ContinuousClock.Instant) -> Bool {
        state.withLock { state in
            // Another one who waited has read it meanwhile.
            guard state.readAt <= asked else { return state.isGood }
            // Woken too early.
            guard state.readAt + interval <= .now else { return false }
            state.readAt = .now
            readings.add(1, ordering: .relaxed)
            do {
                let table = KeyTable(try PinnedKeys.read(path))
                let withdraws = state.table.loses(to: table)
                state.table = table
                state.isGood = true
                if withdraws { generations.add(1, ordering: .releasing) }
                logger.info("the pinned keys were read again", metadata: ["keys": "\(table.count)"])
            } catch {
                if state.isGood {
                    logger.warning("the pinned keys cannot be read again", metadata: ["error": "\(error)"])
                }
                state.isGood = false
            }
            return state.isGood
        }
    }
}
