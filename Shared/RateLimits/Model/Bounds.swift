/// What keeps every sum and product of the decisions an exact integer, in Swift and in the doubles of Redis' Lua.
package enum Bounds {
    /// Every integer up to this is exact in a double.
    package static let exactInteger: Int64 = 1 << 53
    /// Of one request.
    package static let cost: Int64 = 1_000_000
    /// Of a limit.
    package static let quantity: Int64 = 1_000_000_000_000
    /// Of a limit by bucket, whose products are larger.
    package static let bucketQuantity: Int64 = 1_000_000_000
    /// Of an exact limit: its log has up to so many entries.
    package static let exactQuantity: Int64 = 10_000
    /// Permits held at the same time.
    package static let concurrency: Int64 = 100_000
    /// Of a window that is no calendar's, in milliseconds: 31 days.
    package static let span: Int64 = 31 * 86_400_000
    /// What a sub-window counts at most, however much is charged to it: 51 of them stay exact.
    package static let count: Int64 = 1 << 46
    package static let limits = 10_000
    /// Names and values of descriptors, in bytes.
    package static let nameBytes = 64
    package static let valueBytes = 512

    /// A cost within 0 and the bound.
    static func clamped(_ cost: Int64) -> Int64 { min(max(cost, 0), Self.cost) }
}
