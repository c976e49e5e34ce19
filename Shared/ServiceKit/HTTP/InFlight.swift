import Synchronization

/// Counts the requests that are being answered, up to a cap.
final class InFlight: Sendable {
    private let maximum: Int
    private let count = Atomic<Int>(0)

    init(maximum: Int, metrics: MetricsRegistry) {
        self.maximum = maximum
        metrics.gauge("http_requests_in_flight", help: "Requests that are being answered.") { [weak self] in
            self.map { Double($0.current) }
        }
        metrics.gauge("http_requests_in_flight_maximum", help: "Beyond this, requests are refused.") {
            Double(maximum)
        }
    }

    var current: Int { count.load(ordering: .relaxed) }

    /// - Returns: whether there was a place, which is to be given back by `leave`.
    func enter() -> Bool {
        if count.wrappingAdd(1, ordering: .relaxed).newValue <= maximum { return true }
        leave()
        return false
    }

    func leave() { count.wrappingSubtract(1, ordering: .relaxed) }

    /// Probes and scrapes are answered under any load, or an overloaded service would be taken for a dead one.
    static func isExempt(_ path: String?) -> Bool {
        switch path {
        case "/livez", "/readyz", "/metrics": true
        default: false
        }
    }
}
