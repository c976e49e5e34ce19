/// Exponential back-off with full jitter: waits are spread out, so that clients do not return in step.
package struct Backoff: Sendable, Equatable {
    /// Milliseconds.
    package var base: Int64 = 20
    package var maximum: Int64 = 2_000
    package private(set) var attempts = 0

    package init(base: Int64 = 20, maximum: Int64 = 2_000) {
        self.base = base
        self.maximum = maximum
    }

    /// Milliseconds to wait before the next attempt, at least one.
    /// - Parameter random: in 0..<1.
    mutating func next(random: Double) -> Int64 {
        let ceiling = min(maximum, base << Int64(min(attempts, 16)))
        attempts += 1
        return max(1, Int64(Double(ceiling) * random))
    }

    mutating func reset() { attempts = 0 }
}
