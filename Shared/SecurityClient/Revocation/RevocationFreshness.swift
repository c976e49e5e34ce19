/// How far behind the knowledge of revocations may be.
public protocol RevocationFreshness: Sendable {
    /// For how long revocations may have been missed; nil while nothing is known at all.
    /// - Parameter now: milliseconds since the epoch.
    func staleness(now: Int64) -> Duration?
}

/// For a process that decides about revocations itself, as token-service does, and for services that knowingly accept a
/// revoked token until it expires.
public struct AlwaysFresh: RevocationFreshness {
    public init() {}
    public func staleness(now: Int64) -> Duration? { .zero }
}

/// For services that read no feed: whatever needs freshness is introspected.
public struct NeverFresh: RevocationFreshness {
    public init() {}
    public func staleness(now: Int64) -> Duration? { nil }
}
