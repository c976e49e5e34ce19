import Synchronization

/// The label names and values of one time series, in the order in which they are shown.
public typealias MetricLabels = KeyValuePairs<String, String>

/// Holds the metrics of a process and writes them in Prometheus' text format.
///
/// Handles are looked up once, at start, and kept by whoever counts: the registry's lock is not on any hot path.
public final class MetricsRegistry: Sendable {
    enum Series: Sendable {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(Histogram)
        case callback(@Sendable () -> Double?)
    }

    enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    struct Family: Sendable {
        let name: String
        let help: String
        let kind: Kind
        var series: [(labels: [(String, String)], series: Series)]
    }

    private let families = Mutex<[String: Family]>([:])
    /// Series a family may have. Labels come from routes and configuration, never from requests; this bounds mistakes.
    private static let maximumSeries = 5_000

    /// For code that is handed no registry. Services pass their own around.
    public static let shared = MetricsRegistry()

    public init() {}

    /// The counter of a name and labels, made when there is none. Names of counters end in `_total`.
    public func counter(_ name: String, help: String = "", labels: MetricLabels = [:]) -> Counter {
        let series = find(name, help, .counter, labels) { .counter(Counter()) }
        if case .counter(let counter) = series { return counter }
        return Counter()
    }

    public func gauge(_ name: String, help: String = "", labels: MetricLabels = [:]) -> Gauge {
        let series = find(name, help, .gauge, labels) { .gauge(Gauge()) }
        if case .gauge(let gauge) = series { return gauge }
        return Gauge()
    }

    public func histogram(
        _ name: String, help: String = "", labels: MetricLabels = [:], bounds: [Double] = Histogram.latencies
    ) -> Histogram {
        let series = find(name, help, .histogram, labels) { .histogram(Histogram(bounds: bounds)) }
        if case .histogram(let histogram) = series { return histogram }
        return Histogram(bounds: bounds)
    }

    /// A gauge that is asked when the metrics are read: for sizes of pools and queues. nil leaves the line out.
    public func gauge(
        _ name: String, help: String = "", labels: MetricLabels = [:], read: @escaping @Sendable () -> Double?
    ) {
        replace(name, help, .gauge, labels, with: .callback(read))
    }

    /// A counter that somebody else keeps, read when the metrics are read.
    public func counter(
        _ name: String, help: String = "", labels: MetricLabels = [:], read: @escaping @Sendable () -> Double?
    ) {
        replace(name, help, .counter, labels, with: .callback(read))
    }

    /// Everything as `text/plain; version=0.0.4`.
    public func exposition() -> String {
        // The callbacks run outside of the lock: they may take time, or use the registry.
        let snapshot = families.withLock { $0.values.sorted { $0.name < $1.name } }
        return PrometheusText.write(snapshot)
    }

    private func find(
        _ name: String, _ help: String, _ kind: Kind, _ labels: MetricLabels, make: () -> Series
    ) -> Series {
        let wanted = labels.map { ($0.key, $0.value) }
        precondition(PrometheusText.isName(name), "not a metric name: \(name)")
        return families.withLock { families in
            var family = families[name] ?? Family(name: name, help: help, kind: kind, series: [])
            precondition(family.kind == kind, "\(name) is a \(family.kind.rawValue) already")
            if let known = family.series.first(where: { MetricsRegistry.same($0.labels, wanted) }) {
                return known.series
            }
            let made = make()
            guard family.series.count < MetricsRegistry.maximumSeries else { return made }
            family.series.append((wanted, made))
            families[name] = family
            return made
        }
    }

    private func replace(_ name: String, _ help: String, _ kind: Kind, _ labels: MetricLabels, with series: Series) {
        let wanted = labels.map { ($0.key, $0.value) }
        precondition(PrometheusText.isName(name), "not a metric name: \(name)")
        families.withLock { families in
            var family = families[name] ?? Family(name: name, help: help, kind: kind, series: [])
            family.series.removeAll { MetricsRegistry.same($0.labels, wanted) }
            family.series.append((wanted, series))
            families[name] = family
        }
    }

    private static func same(_ left: [(String, String)], _ right: [(String, String)]) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { $0 == $1 }
    }
}
