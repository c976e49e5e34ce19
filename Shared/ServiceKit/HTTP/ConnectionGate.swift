import NIOCore
import Synchronization

/// Counts connections, in all and by address, and refuses those beyond the caps.
final class ConnectionGate: Sendable {
    private struct State {
        var open: [ObjectIdentifier: any Channel] = [:]
        var byAddress: [String: Int] = [:]
    }

    private let maximum: Int
    private let maximumPerAddress: Int
    private let state = Mutex(State())
    private let refused: Counter

    /// - Parameter listener: tells the metrics of several listeners of a process apart.
    init(maximum: Int, maximumPerAddress: Int, metrics: MetricsRegistry, listener: String = "main") {
        self.maximum = maximum
        self.maximumPerAddress = maximumPerAddress
        refused = metrics.counter(
            "http_connections_refused_total", help: "Connections closed because there were too many.",
            labels: ["listener": listener])
        metrics.gauge("http_connections", help: "Open connections.", labels: ["listener": listener]) { [weak self] in
            self.map { Double($0.state.withLock { $0.open.count }) }
        }
    }

    struct Refused: Error {}

    /// Takes a place that is given back when the channel closes.
    /// - Throws: `Refused` when there is none.
    func admit(_ channel: any Channel) throws(Refused) {
        let address = channel.remoteAddress?.ipAddress ?? ""
        let admitted = state.withLock { state in
            guard state.open.count < maximum, state.byAddress[address, default: 0] < maximumPerAddress else {
                return false
            }
            state.open[ObjectIdentifier(channel)] = channel
            state.byAddress[address, default: 0] += 1
            return true
        }
        guard admitted else {
            refused.increment()
            throw Refused()
        }
        // The channel is held until then: its identifier cannot be somebody else's before.
        channel.closeFuture.whenComplete { [self] _ in release(ObjectIdentifier(channel), address) }
    }

    /// How many connections are open.
    var count: Int { state.withLock { $0.open.count } }

    /// Closes every connection, whatever it is doing.
    func closeAll() {
        for channel in state.withLock({ Array($0.open.values) }) { channel.close(promise: nil) }
    }

    private func release(_ channel: ObjectIdentifier, _ address: String) {
        state.withLock { state in
            state.open[channel] = nil
            let left = (state.byAddress[address] ?? 1) - 1
            state.byAddress[address] = left > 0 ? left : nil
        }
    }
}
