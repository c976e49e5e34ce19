import NIOCore
import Synchronization

/// What the connections of a server share.
final class ServerState: Sendable {
    /// How many bytes of a body are kept back until the request is whole. Most requests are smaller: a client that sends
    /// its body slowly then occupies a connection, but nothing else.
    static let heldBytes = 16 * 1024
    /// A client has to read this much within the write timeout.
    static let writeSlice = 64 * 1024

    let deadlines: RequestDeadlines.Limits
    let maximumHeaderCount: Int
    let maximumPathBytes: Int
    let maximumBodyBytes: Int
    let date = HTTPDate()
    private let draining = Atomic<Bool>(false)
    private let closing = Atomic<Bool>(false)
    private let refusals: [Int: Counter]
    private let expiries: [RequestDeadlines.Expiry: Counter]

    init(_ settings: HTTPServerSettings, metrics: MetricsRegistry) {
        deadlines = RequestDeadlines.Limits(
            head: TimeAmount(settings.headerTimeout), bodyProgress: TimeAmount(settings.bodyProgressTimeout),
            body: TimeAmount(settings.bodyTimeout), idle: TimeAmount(settings.idleTimeout),
            write: TimeAmount(settings.writeTimeout))
        maximumHeaderCount = settings.maximumHeaderCount
        maximumPathBytes = settings.maximumHeaderBytes
        maximumBodyBytes = settings.maximumBodyBytes
        func refused(_ refusal: Refusal) -> (Int, Counter) {
            let counter = metrics.counter(
                "http_requests_refused_total", help: "Requests that the server refused before the API saw them.",
                labels: ["reason": refusal.type])
            return (refusal.status.code, counter)
        }
        refusals = Dictionary(
            uniqueKeysWithValues: [
                Refusal.malformed, .headTooLarge, .bodyTooLarge, .timeout, .overloaded,
            ].map(refused))
        expiries = Dictionary(
            uniqueKeysWithValues: [.connect, .head, .bodyProgress, .body, .idle, .write].map {
                (expiry: RequestDeadlines.Expiry) in
                let counter = metrics.counter(
                    "http_timeouts_total", help: "Connections and streams that were too slow for a deadline.",
                    labels: ["deadline": expiry.rawValue])
                return (expiry, counter)
            })
    }

    /// The server is going to stop: clients are told to use each connection no more.
    var isDraining: Bool { draining.load(ordering: .relaxed) }
    /// The server stops: connections close as soon as they are idle.
    var isClosing: Bool { closing.load(ordering: .relaxed) }

    func startDraining() { draining.store(true, ordering: .relaxed) }
    func startClosing() {
        startDraining()
        closing.store(true, ordering: .relaxed)
    }

    func count(_ refusal: Refusal) { refusals[refusal.status.code]?.increment() }
    func count(_ expiry: RequestDeadlines.Expiry) { expiries[expiry]?.increment() }
}
