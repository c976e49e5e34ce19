import NIOCore
import Synchronization

/// Counts connections, in all and by address, and refuses those beyond the caps.
final class ConnectionGate: Sendable {
    private struct State {
        var total = 0
        var byAddress: [String: Int] = [:]
    }

    private let maximum: Int
    private let maximumPerAddress: Int
    private let state = Mutex(State())
    private let refused: Counter

    init(maximum: Int, maximumPerAddress: Int, metrics: MetricsRegistry) {
        self.maximum = maximum
        self.maximumPerAddress = maximumPerAddress
        refused = metrics.counter(
            "http_connections_refused_total", help: "Connections closed because there were too many.")
        metrics.gauge("http_connections", help: "Open connections.") { [weak self] in
            self.map { Double($0.state.withLock { $0.total }) }
        }
    }

    struct Refused: Error {}

    /// Takes a place that is given back when the channel closes.
    /// - Throws: `Refused` when there is none.
    func admit(_ channel: any Channel) throws(Refused) {
        let address = channel.remoteAddress?.ipAddress ?? ""
        let admitted = state.withLock { state in
            guard state.total < maximum, state.byAddress[address, default: 0] < maximumPerAddress else { return false }
            state.total += 1
            state.byAddress[address, default: 0] += 1
            return true
        }
        guard admitted else {
            refused.increment()
            throw Refused()
        }
        channel.closeFuture.whenComplete { [self] _ in release(address) }
    }

    private func release(_ address: String) {
        state.withLock { state in
            state.total -= 1
            let left = (state.byAddress[address] ?? 1) - 1
            state.byAddress[address] = left > 0 ? left : nil
        }
    }
}
