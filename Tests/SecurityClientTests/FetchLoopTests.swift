import Synchronization
import TestSupport
import Testing

@testable import SecurityClient

@Suite("Fetching again and again")
struct FetchLoopTests {
    private final class Calls: Sendable {
        let outcome = Mutex(FetchLoop.Outcome.complete)
        let failures = Mutex<[Int]>([])
        var count: Int { failures.withLock { $0.count } }

        func fetch(_ before: Int) -> FetchLoop.Outcome {
            failures.withLock { $0.append(before) }
            return outcome.withLock { $0 }
        }
    }

    private func run(_ loop: FetchLoop, _ body: (Calls) async throws -> Void) async throws {
        let calls = Calls()
        let running = Task { await loop.run { calls.fetch($0) } }
        do { try await body(calls) } catch {
            running.cancel()
            throw error
        }
        running.cancel()
        await running.value
    }

    @Test("at the start, when it is woken, and not otherwise while nothing is missing")
    func woken() async throws {
        let loop = FetchLoop(every: .seconds(3_600))
        try await run(loop) { calls in
            try await eventually { calls.count == 1 }
            try await Task.sleep(for: .milliseconds(200))
            #expect(calls.count == 1)
            loop.wake()
            try await eventually { calls.count == 2 }
            #expect(calls.failures.withLock { $0 } == [0, 0])
        }
    }

    @Test("again by itself while something is missing, until it is not")
    func missing() async throws {
        let loop = FetchLoop(every: .seconds(3_600))
        try await run(loop) { calls in
            calls.outcome.withLock { $0 = .missing(longest: 5) }
            loop.wake()
            try await eventually { calls.count > 5 }
            let counted = calls.failures.withLock { Array($0.drop { $0 == 0 }.prefix(4)) }
            #expect(counted == [1, 2, 3, 4])
            calls.outcome.withLock { $0 = .complete }
            try await eventually { calls.failures.withLock { ($0.last ?? 0) > 0 } }
            let settled = calls.count
            try await Task.sleep(for: .milliseconds(200))
            // One more may have been on its way.
            #expect(calls.count <= settled + 1)
        }
    }

    @Test("whoever wakes it does not wait for a back-off of an hour to end")
    func notWaitedFor() async throws {
        let loop = FetchLoop(every: .seconds(3_600))
        try await run(loop) { calls in
            calls.outcome.withLock { $0 = .missing(longest: 3_600_000) }
            // Each failure doubles the pause: soon it is longer than any test.
            for number in 1...12 {
                loop.wake()
                try await eventually("fetch \(number)", within: .seconds(5)) { calls.count >= number }
            }
        }
    }
}
