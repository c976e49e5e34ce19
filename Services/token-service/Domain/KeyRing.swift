import Crypto
import JOSE
import StrictJSON
import Synchronization

/// The signing keys that this replica holds, and the JWKS made of them. Read on every request, replaced on change.
final class KeyRing: Sendable {
    struct Entry: Sendable {
        let times: KeyTimes
        let key: SigningKey
        let publicJWK: JWK
        /// The state of which an event has told.
        let told: KeyState
    }

    /// The JWKS as it is served.
    struct Document: Sendable {
        let bytes: [UInt8]
        /// A strong validator (RFC 9110 section 8.8.3), with its quotes.
        let etag: String
        let keys: [JWK]
    }

    private struct State {
        var entries: [Entry] = []
        /// Those that are not revoked, the one that is due last first.
        var signers: [(activatesAt: Int64, key: SigningKey)] = []
        var document = KeyRing.document(of: [])
        /// The reading of the store that this came from.
        var reading: UInt64 = 0
    }

    let schedule: KeySchedule
    private let state = Mutex(State())
    private let readings = Atomic<UInt64>(0)

    init(schedule: KeySchedule) { self.schedule = schedule }

    /// The key that signs now; nil while there is none.
    func signingKey(now: Int64) -> SigningKey? {
        // As `KeySchedule.signingKey` decides, on what was put in order when it was read.
        state.withLock { $0.signers.first { $0.activatesAt <= now }?.key }
    }

    var entries: [Entry] { state.withLock { $0.entries } }
    var document: Document { state.withLock { $0.document } }

    func key(_ keyID: String) -> SigningKey? {
        state.withLock { $0.entries.first { $0.times.keyID == keyID }?.key }
    }

    /// Numbers a reading of the store that is about to begin.
    func beginReading() -> UInt64 { readings.add(1, ordering: .relaxed).newValue }

    /// Takes what the store holds; answers whether the published set changed. What was read before something newer is
    /// passed over: a key that was withdrawn in between must not come back.
    @discardableResult
    func replace(_ entries: [Entry], reading: UInt64, now: Int64) -> Bool {
        let times = entries.map(\.times)
        let published = entries.filter { entry in
            switch schedule.state(of: entry.times, among: times, now: now) {
            case .announced, .active, .retired: true
            case .gone, .revoked: false
            }
        }
        let document = KeyRing.document(of: published.map(\.publicJWK))
        let signers = entries.filter { $0.times.revokedAt == nil }
            .sorted { ($0.times.activatesAt, $0.times.keyID) > ($1.times.activatesAt, $1.times.keyID) }
            .map { (activatesAt: $0.times.activatesAt, key: $0.key) }
        return state.withLock { state in
            guard reading > state.reading else { return false }
            state.reading = reading
            let changed = state.document.etag != document.etag
            state.entries = entries
            state.signers = signers
            state.document = document
            return changed
        }
    }

    private static func document(of keys: [JWK]) -> Document {
        let bytes = JSONValue.object(["keys": .array(keys.map { $0.json() })]).encoded()
        let digest = SHA256.hash(data: bytes)
        return Document(bytes: bytes, etag: "\"\(Base64URL.encode(Array(digest.prefix(16))))\"", keys: keys)
    }
}
