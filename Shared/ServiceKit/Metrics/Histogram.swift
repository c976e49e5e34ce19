import Synchronization

/// Counts observations in fixed buckets. Observing takes three relaxed atomic additions and allocates nothing.
public final class Histogram: Sendable {
    /// Upper bounds, inclusive and ascending; a bucket for everything above comes by itself.
    public let bounds: [Double]
    private let buckets: [Counter]
    private let sumBits = Gauge()

    /// Seconds, from half a millisecond to ten seconds.
    public static let latencies: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    public init(bounds: [Double] = Histogram.latencies) {
        let ascending = bounds.sorted().filter { $0.isFinite }
        self.bounds = ascending
        buckets = (0...ascending.count).map { _ in Counter() }
    }

    public func observe(_ value: Double) {
        guard !value.isNaN else { return }
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        buckets[index].increment()
        sumBits.add(value)
    }

    /// Observes a duration in seconds.
    public func observe(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        observe(Double(seconds) + Double(attoseconds) * 1e-18)
    }

    public var sum: Double { sumBits.value }
    public var count: UInt64 { buckets.reduce(0) { $0 + $1.value } }

    /// Counts up to and including each bound, then all: what Prometheus calls cumulative.
    var cumulative: [UInt64] {
        var total: UInt64 = 0
        return buckets.map { bucket in
            total += bucket.value
            return total
        }
    }
}
