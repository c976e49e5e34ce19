/// The header fields that tell a client how its limits stand: `RateLimit` and `RateLimit-Policy` as of
/// draft-ietf-httpapi-ratelimit-headers-11 (lists of RFC 9651), `X-RateLimit-*` for those who know only these, and
/// `Retry-After` (RFC 9110 section 10.2.3). The draft still moves; nothing else knows how the fields are written.
package struct RateLimitFields: Sendable, Hashable {
    /// In the order in which the limits stand; those in shadow are not told of.
    package var limits: [LimitStatus]
    /// Whether `pk` is told. It costs a hash for each partition.
    package var tellsPartitions: Bool

    package init(_ limits: [LimitStatus], tellsPartitions: Bool = true) {
        self.limits = limits
        self.tellsPartitions = tellsPartitions
    }

    /// Names and values, ready to be copied into a response. Without limits there are none.
    ///
    /// - Parameter jitter: 0 to 1; that part of a tenth is added to `Retry-After`, so that those refused together do not come
    ///   back together.
    package func fields(jitter: Double = 0) -> [(name: String, value: String)] {
        guard let tightest else { return [] }
        let partitions = partitions
        var fields = [
            (name: "RateLimit", value: rateLimit(partitions)),
            (name: "RateLimit-Policy", value: policy(partitions)),
            (name: "X-RateLimit-Limit", value: String(tightest.quantity)),
            (name: "X-RateLimit-Remaining", value: String(tightest.outcome.remaining)),
            (name: "X-RateLimit-Reset", value: String(Self.seconds(tightest.outcome.reset))),
        ]
        if let retryAfter = retryAfter(jitter: jitter) {
            fields.append((name: "Retry-After", value: String(retryAfter)))
        }
        return fields
    }

    /// `"default";r=50;t=30`: what is left, and the seconds until there is more, rounded up.
    package var rateLimit: String { rateLimit(partitions) }

    /// `"default";q=100;w=60`: what is allowed.
    package var policy: String { policy(partitions) }

    /// Seconds until all limits that refused would admit, rounded up; at most a tenth more with jitter. Nil when none refused,
    /// and when one of them never will.
    package func retryAfter(jitter: Double = 0) -> Int64? {
        let refused = limits.filter { !$0.outcome.admitted }
        let waits = refused.compactMap(\.outcome.retryAfter)
        guard let longest = waits.max(), waits.count == refused.count else { return nil }
        let exact = Self.seconds(longest)
        return exact + Int64(Double(exact) / 10 * min(max(jitter, 0), 1))
    }

    /// The names of the limits that refused, for `violated-policies` of the problem.
    package var violated: [String] { limits.filter { !$0.outcome.admitted }.map(\.name) }

    /// The problem of the refusal; nil when nothing refused. What looks like abuse is said before what is used up, and that
    /// before what is scarce for now.
    package var problem: LimitProblem? {
        let problems = Set(limits.filter { !$0.outcome.admitted }.map(\.problem))
        return [.abnormalUsageDetected, .quotaExceeded, .temporaryReducedCapacity].first { problems.contains($0) }
    }

    /// The limit that fields with room for one tell of: the one that refuses for longest, else the one nearest to its end.
    private var tightest: LimitStatus? {
        limits.min { a, b in
            if a.outcome.admitted != b.outcome.admitted { return !a.outcome.admitted }
            if !a.outcome.admitted { return (a.outcome.retryAfter ?? .max) > (b.outcome.retryAfter ?? .max) }
            return Double(a.outcome.remaining) * Double(b.quantity) < Double(b.outcome.remaining) * Double(a.quantity)
        }
    }

    static func seconds(_ milliseconds: Int64) -> Int64 { (milliseconds + 999) / 1000 }
}

// MARK: - Structured fields

extension RateLimitFields {
    /// The written partition keys of the limits; the same text for the same partition is made once.
    private var partitions: [String?] {
        guard tellsPartitions else { return [] }
        var known: [(key: PartitionKey, text: String)] = []
        return limits.map { limit in
            guard let key = limit.partition else { return nil }
            if let one = known.first(where: { $0.key == key }) { return one.text }
            let text = String(decoding: Base64Text.encode(key.bytes, url: false), as: UTF8.self)
            known.append((key, text))
            return text
        }
    }

    private func rateLimit(_ partitions: [String?]) -> String {
        var writer = FieldListWriter()
        for (index, limit) in limits.enumerated() {
            writer.item(limit.name)
            writer.parameter("r", limit.outcome.remaining)
            if limit.outcome.reset > 0 { writer.parameter("t", Self.seconds(limit.outcome.reset)) }
            if index < partitions.count, let key = partitions[index] { writer.parameter("pk", bytes: key) }
        }
        return writer.text
    }

    private func policy(_ partitions: [String?]) -> String {
        var writer = FieldListWriter()
        for (index, limit) in limits.enumerated() {
            writer.item(limit.name)
            writer.parameter("q", limit.quantity)
            if limit.unit != .requests { writer.parameter("qu", text: limit.unit.rawValue) }
            if let window = limit.window { writer.parameter("w", window) }
            if let burst = limit.burst { writer.parameter("jts-burst", burst) }
            if index < partitions.count, let key = partitions[index] { writer.parameter("pk", bytes: key) }
        }
        return writer.text
    }
}
