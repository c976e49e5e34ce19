/// A signing key as far as its place in time goes.
struct KeyTimes: Sendable, Equatable {
    let keyID: String
    /// When it entered the JWKS, milliseconds since the epoch.
    let announcedAt: Int64
    /// When it starts to sign.
    let activatesAt: Int64
    /// Set in an emergency: the key's tokens are void from then on.
    var revokedAt: Int64?
}

/// Where a key stands: announced -> active -> retired -> gone, or revoked.
enum KeyState: String, Sendable, Equatable {
    /// In the JWKS, not yet signing: every cache learns of it before it is needed.
    case announced
    case active
    /// No longer signing, still in the JWKS: tokens that it signed live.
    case retired
    /// No token that it signed can be alive: out of the JWKS.
    case gone
    /// Withdrawn in an emergency: out of the JWKS at once.
    case revoked
}

/// Decides from the times in the store alone which key signs and which are published, so that replicas that read the
/// same rows agree without talking to each other.
struct KeySchedule: Sendable, Equatable {
    /// How long a key signs before its successor takes over.
    var rotationInterval: Int64
    /// How long a key stands in the JWKS before it signs. At least the caches' `max-age` and the replicas' polling.
    var announcement: Int64
    /// How long tokens live, and with them the keys that signed them.
    var tokenLifetime: Int64
    /// Clocks of replicas and verifiers may differ by this much.
    var clockSkew: Int64

    /// The key that signs at `now`: of those that are due, the one that was due last.
    func signingKey(_ keys: [KeyTimes], now: Int64) -> KeyTimes? {
        keys.filter { $0.revokedAt == nil && $0.activatesAt <= now }
            .max { ($0.activatesAt, $0.keyID) < ($1.activatesAt, $1.keyID) }
    }

    func state(of key: KeyTimes, among keys: [KeyTimes], now: Int64) -> KeyState {
        if key.revokedAt != nil { return .revoked }
        if key.activatesAt > now { return .announced }
        if signingKey(keys, now: now)?.keyID == key.keyID { return .active }
        // It signed until the next key was due; a revoked successor counts too, as it did sign in its time.
        let successor =
            keys.filter { ($0.activatesAt, $0.keyID) > (key.activatesAt, key.keyID) && $0.activatesAt <= now }
            .map(\.activatesAt).min() ?? now
        return now > successor + tokenLifetime + 2 * clockSkew ? .gone : .retired
    }

    /// Whether the next key is to be announced now, so that it is known when its predecessor's time is over. Where keys
    /// rotate faster than they are announced, several stand announced at a time.
    func needsSuccessor(_ keys: [KeyTimes], now: Int64) -> Bool {
        guard signingKey(keys, now: now) != nil,
            let newest = keys.filter({ $0.revokedAt == nil }).map(\.activatesAt).max()
        else { return true }
        return now >= newest + rotationInterval - announcement
    }

    /// When a key that is made now may start to sign: at once where there is no other, else after its announcement.
    func activation(_ keys: [KeyTimes], now: Int64) -> Int64 {
        signingKey(keys, now: now) == nil ? now : now + announcement
    }
}
