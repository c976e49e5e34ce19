/// Fetches when it is woken, every so often anyway, and again with back-off and jitter while something is missing: all who
/// follow ask the same service. Whoever wakes it never waits for a back-off to end.
final class FetchLoop: Sendable {
    enum Outcome: Sendable {
        case complete
        /// Something is missing: it is fetched again after so many milliseconds at most.
        case missing(longest: Int)
    }

    private let every: Duration
    private let pace: Duration
    private let wakeups: AsyncStream<Void>
    private let wakeup: AsyncStream<Void>.Continuation

    /// - Parameters:
    ///   - every: how often it is fetched at least.
    ///   - pace: what lies between two fetches however often it is woken.
    init(every: Duration, pace: Duration = .zero) {
        self.every = every
        self.pace = pace
        (wakeups, wakeup) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func wake() { _ = wakeup.yield() }

    /// Until the task is cancelled.
    /// - Parameter fetch: gets how many fetches in a row have left something missing.
    func run(_ fetch: @Sendable (Int) async -> Outcome) async {
        let ticks = Task { [self] in
            while !Task.isCancelled {
                wake()
                // Replicas start together.
                try? await Task.sleep(for: every * Double.random(in: 0.8...1))
            }
        }
        defer { ticks.cancel() }
        var failures = 0
        var retry: Task<Void, Never>?
        defer { retry?.cancel() }
        for await _ in wakeups {
            if Task.isCancelled { return }
            retry?.cancel()
            switch await fetch(failures) {
            case .complete: failures = 0
            case .missing(let longest):
                failures += 1
                let pause = min(longest, 50 << min(failures, 8)) * Int.random(in: 50...100) / 100
                retry = Task { [self] in
                    try? await Task.sleep(for: .milliseconds(pause))
                    if !Task.isCancelled { wake() }
                }
            }
            if pace > .zero { try? await Task.sleep(for: pace) }
        }
    }
}
