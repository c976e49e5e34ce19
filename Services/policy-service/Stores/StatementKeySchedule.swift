import SecurityClient

/// A key that signs statements, as far as its place in time goes.
struct StatementKeyTimes: Sendable, Equatable {
    let keyID: String
    /// When it entered the JWKS, milliseconds since the epoch.
    let announcedAt: Int64
    /// When it starts to sign.
    let activatesAt: Int64
    /// Set when it may be known to others: nothing that it signed counts from then on.
    var revokedAt: Int64?
}

/// Where a key stands: announced, active, retired, removed; or revoked.
enum StatementKeyState: String, Sendable, Equatable {
    /// In the JWKS, not yet signing: everybody learns of it before it is needed.
    case announced
    case active
    /// No longer signing, still in the JWKS: clients hold statements that it signed.
    case retired
    /// No client goes by a statement that it signed any more: out of the JWKS.
    case removed
    /// Out of the JWKS at once.
    case revoked

    var isPublished: Bool { self == .announced || self == .active || self == .retired }
}

/// Decides from the times in SQL alone which key signs and which are published, so that replicas that read the same rows
/// agree. All times in milliseconds.
struct StatementKeySchedule: Sendable, Equatable {
    /// How long a key stands in the JWKS before it signs: twice what caches may keep the JWKS for, and long enough for
    /// every replica to have read it.
    static let announcement: Int64 = 600_000
    /// How far clocks of replicas and clients may be apart, with much to spare.
    static let skew: Int64 = 600_000
    /// How long a key stays in the JWKS after its successor took over: as long as a client that is cut off goes by the last
    /// statements that it was given.
    static let retention = Authorizer.longestStaleness + skew

    /// How long a key signs before its successor takes over.
    let lifetime: Int64

    /// Of the keys that are due, the one that was due last.
    static func signing(_ keys: [StatementKeyTimes], now: Int64) -> StatementKeyTimes? {
        keys.filter { $0.revokedAt == nil && $0.activatesAt <= now }
            .max { ($0.activatesAt, $0.keyID) < ($1.activatesAt, $1.keyID) }
    }

    static func state(of key: StatementKeyTimes, among keys: [StatementKeyTimes], now: Int64) -> StatementKeyState {
        if key.revokedAt != nil { return .revoked }
        if key.activatesAt > now { return .announced }
        if signing(keys, now: now)?.keyID == key.keyID { return .active }
        // It signed until the next key was due; a revoked successor counts too, as it did sign in its time.
        let successor =
            keys.filter { ($0.activatesAt, $0.keyID) > (key.activatesAt, key.keyID) && $0.activatesAt <= now }
            .map(\.activatesAt).min() ?? now
        return now > successor + retention ? .removed : .retired
    }

    /// Whether the next key is to be announced now, so that it is known when its predecessor's time is over.
    func needsSuccessor(_ keys: [StatementKeyTimes], now: Int64) -> Bool {
        guard StatementKeySchedule.signing(keys, now: now) != nil,
            let newest = keys.filter({ $0.revokedAt == nil }).map(\.activatesAt).max()
        else { return true }
        return now >= newest + lifetime - StatementKeySchedule.announcement
    }

    /// When a key that is made now may start to sign: at once where there is no other, else after its announcement.
    static func activation(_ keys: [StatementKeyTimes], now: Int64) -> Int64 {
        signing(keys, now: now) == nil ? now : now + announcement
    }

    /// When a key starts to sign that has to do so at once: after whichever signs now, also within its first millisecond.
    static func immediateActivation(_ keys: [StatementKeyTimes], now: Int64) -> Int64 {
        max(now, signing(keys, now: now).map { $0.activatesAt + 1 } ?? now)
    }
}
