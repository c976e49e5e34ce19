import ServiceKit
import Synchronization

/// Counts and times the requests of one route.
final class RouteMetrics: Sendable {
    private let registry: MetricsRegistry
    private let method: String
    private let path: String
    private let latency: Histogram
    private let statuses = Mutex<[Int: Counter]>([:])
    /// That of 200, which nearly all answers are, without the lock.
    private let ok = AtomicLazyReference<Counter>()

    init(_ registry: MetricsRegistry, method: String, path: String) {
        self.registry = registry
        self.method = method
        self.path = path
        latency = registry.histogram(
            "http_request_duration_seconds", help: "From the head of a request to its answer.",
            labels: ["method": method, "route": path])
    }

    func record(status: Int, _ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        record(status: status, seconds: Double(seconds) + Double(attoseconds) * 1e-18)
    }

    func record(status: Int, seconds: Double) {
        latency.observe(seconds)
        if status == 200, let counter = ok.load() {
            counter.increment()
        } else {
            counter(status).increment()
        }
    }

    private func counter(_ status: Int) -> Counter {
        statuses.withLock { statuses in
            if let known = statuses[status] { return known }
            let made = registry.counter(
                "http_requests_total", help: "Requests by route and status.",
                labels: ["method": method, "route": path, "status": String(status)])
            statuses[status] = made
            return status == 200 ? ok.storeIfNil(made) : made
        }
    }
}
