import APISecurity
import Contracts
import Synchronization

/// What is revoked: applied in microseconds, read on every request.
///
/// A session or subject is forgotten once no token that it concerns can be alive any more, so that memory is bounded by
/// what is told within a token's life. That is counted from when it was told, by monotonic time: however wrong the time of
/// day is, and whatever it is set to, nothing is forgotten early or left out. A key id is kept for the life of the process, up to a number: whoever has
/// stolen a signing key makes tokens that say they were issued a moment ago.
public final class RevocationSet: Sendable {
    /// Milliseconds for which an access token lives at most: `TokenVerifier` refuses longer ones.
    public static let tokenLifetime: Int64 = 900_000
    /// Milliseconds added for clocks that differ.
    public static let slack: Int64 = 60_000
    /// Keys remembered. They are revoked a few times in the life of a platform.
    static let maxKeys = 4_096

    private struct VoidBefore {
        var instant: Int64
        var expires: Int64
    }

    private enum Entry {
        case session(String)
        case subject(String)
    }

    private struct State {
        /// At which monotonic milliseconds each may be forgotten.
        var sessions: [String: Int64] = [:]
        var subjects: [String: VoidBefore] = [:]
        var keys: Set<String> = []
        var keysInOrder: [String] = []
        /// What expires in each minute.
        var due: [Int64: [Entry]] = [:]
        var lastPurge: Int64 = .min
    }

    private let lifetime: Int64
    private let clock: @Sendable () -> Int64
    private let monotonic: @Sendable () -> Int64
    private let state = Mutex(State())
    private let changes = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - lifetime: milliseconds after which a revocation concerns no living token any more.
    ///   - clock: milliseconds since the epoch; what is dated later than that is kept for so much longer.
    ///   - monotonic: milliseconds that never go back, by which revocations age.
    public init(
        lifetime: Int64 = RevocationSet.tokenLifetime + RevocationSet.slack,
        clock: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() },
        monotonic: @escaping @Sendable () -> Int64 = { MonotonicClock.milliseconds() }
    ) {
        self.lifetime = lifetime
        self.clock = clock
        self.monotonic = monotonic
    }

    /// Applies a revocation. Any number of times, in any order: the result is the same.
    public func apply(_ revocation: Revocation) {
        let (wall, now) = (clock(), monotonic())
        let changed = state.withLock { state in
            purge(&state, now)
            return switch revocation.target {
            case .session(let id, _): apply(session: id, expires: expiry(revocation.at, wall, now), &state)
            case .subject(let id, let before, _):
                apply(subject: id, before, expires: expiry(max(revocation.at, before), wall, now), &state)
            case .signingKey(let id): apply(key: id, &state)
            }
        }
        if changed { changes.add(1, ordering: .releasing) }
    }

    /// Whether the token's session was ended, its subject's tokens of its time are void, or its key was revoked.
    public func isRevoked(_ identity: Identity) -> Bool {
        state.withLock { state in
            if let session = identity.sessionID, !state.sessions.isEmpty, state.sessions[session] != nil { return true }
            if !state.subjects.isEmpty, let void = state.subjects[identity.subject],
                identity.issuedAtMilliseconds <= void.instant
            {
                return true
            }
            if let key = identity.keyID, !state.keys.isEmpty, state.keys.contains(key) { return true }
            return false
        }
    }

    /// Whether the session was ended.
    public func isRevoked(session: String) -> Bool { state.withLock { $0.sessions[session] != nil } }

    /// Grows with every revocation that says something new: what was not revoked at a version still is not while the
    /// version stands.
    package var version: UInt64 { changes.load(ordering: .acquiring) }

    public var count: (sessions: Int, subjects: Int, keys: Int) {
        state.withLock { ($0.sessions.count, $0.subjects.count, $0.keys.count) }
    }

    // MARK: - Changes

    private func apply(session id: String, expires: Int64, _ state: inout State) -> Bool {
        let known = state.sessions[id]
        if let known, known >= expires { return false }
        state.sessions[id] = expires
        schedule(.session(id), expires, after: known, &state)
        return known == nil
    }

    private func apply(subject id: String, _ before: Int64, expires: Int64, _ state: inout State) -> Bool {
        let known = state.subjects[id]
        if let known, known.instant >= before { return false }
        let void = VoidBefore(instant: before, expires: max(expires, known?.expires ?? .min))
        state.subjects[id] = void
        schedule(.subject(id), void.expires, after: known?.expires, &state)
        return true
    }

    /// Has an entry looked at when it expires: once a minute, however often it is told.
    private func schedule(_ entry: Entry, _ expires: Int64, after known: Int64?, _ state: inout State) {
        if let known, minute(known) == minute(expires) { return }
        state.due[minute(expires), default: []].append(entry)
    }

    private func apply(key id: String, _ state: inout State) -> Bool {
        guard state.keys.insert(id).inserted else { return false }
        state.keysInOrder.append(id)
        if state.keysInOrder.count > RevocationSet.maxKeys { state.keys.remove(state.keysInOrder.removeFirst()) }
        return true
    }

    /// A lifetime from now on, and for what is dated in the future, from then on: whoever dated it may date tokens so.
    private func expiry(_ instant: Int64, _ wall: Int64, _ now: Int64) -> Int64 {
        let (ahead, overflow) = instant.subtractingReportingOverflow(wall)
        // Times are positive: only what lies in the past overflows.
        let (sum, isEndless) = (now + lifetime).addingReportingOverflow(overflow ? 0 : max(0, ahead))
        return isEndless ? .max : sum
    }

    private func minute(_ milliseconds: Int64) -> Int64 { milliseconds / 60_000 }

    /// Forgets what expired in minutes that are over; once a minute.
    private func purge(_ state: inout State, _ now: Int64) {
        guard minute(now) != state.lastPurge else { return }
        state.lastPurge = minute(now)
        for over in state.due.keys where over < minute(now) {
            for entry in state.due.removeValue(forKey: over) ?? [] {
                switch entry {
                case .session(let id):
                    if let expires = state.sessions[id], expires <= now { state.sessions[id] = nil }
                case .subject(let id):
                    if let void = state.subjects[id], void.expires <= now { state.subjects[id] = nil }
                }
            }
        }
    }
}
