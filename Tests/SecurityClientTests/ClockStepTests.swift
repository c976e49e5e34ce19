import Contracts
import EventBus
import ServiceKit
import TestSupport
import Testing

@testable import SecurityClient

/// What the time of day is set to must not make revocations unknown that look known.
@Suite struct ClockStepTests {
    @Test func stepsAreNoticedInEitherDirection() {
        var watch = ClockWatch(wall: 1_000_000, monotonic: 0)
        let steps = [
            watch.observe(wall: 1_001_000, monotonic: 1_000),
            // However long it was not looked at.
            watch.observe(wall: 1_602_000, monotonic: 602_000),
            // Five seconds may pass unnoticed, more may not.
            watch.observe(wall: 1_608_000, monotonic: 603_000), watch.observe(wall: 1_614_001, monotonic: 604_000),
            // Each is told once.
            watch.observe(wall: 1_615_001, monotonic: 605_000), watch.observe(wall: 15_001, monotonic: 605_000),
        ]
        #expect(steps == [nil, nil, nil, 5_001, nil, -1_600_000])
    }

    private func progress(wall: Int64 = 1_000_000) -> FeedProgress {
        FeedProgress(lookback: 960_000, gapMargin: 60_000, longestGap: 900_000, wall: wall, monotonic: 0)
    }

    /// A broker is gone, and the time of day is set back by two minutes.
    @Test func aSilentFeedGetsOlderWhileTheClockIsBehind() {
        var progress = progress()
        #expect(progress.staleness(wall: 1_000_000, monotonic: 0) == nil)
        progress.note(completeUpTo: 1_000_000, wall: 1_001_000, monotonic: 1_000)
        #expect(progress.staleness(wall: 1_001_000, monotonic: 1_000) == 1_000)
        #expect(progress.staleness(wall: 891_000, monotonic: 11_000) == 11_000)
        #expect(progress.staleness(wall: 961_000, monotonic: 81_000) == 81_000)
        #expect(progress.staleness(wall: 1_501_000, monotonic: 81_000) == 501_000, "by whichever clock is older")
    }

    /// One partition goes on and another does not: that is no progress, whatever the time of day says.
    @Test func heartbeatsWithoutProgressDoNotFreshen() {
        var progress = progress()
        progress.note(completeUpTo: 1_000_000, wall: 1_000_500, monotonic: 500)
        for second: Int64 in 1...30 {
            progress.note(completeUpTo: 1_000_000, wall: 990_000 + second * 1_000, monotonic: 500 + second * 1_000)
        }
        #expect(progress.staleness(wall: 1_020_000, monotonic: 30_500) == 30_500)
        progress.note(completeUpTo: 1_020_000, wall: 1_020_000, monotonic: 30_500)
        #expect(progress.staleness(wall: 1_020_000, monotonic: 30_500) == 0)
    }

    /// Booted an hour ahead, read from there on, set right: heartbeats alone make nothing fresh.
    @Test func whatWasReadByAnotherTimeOfDayIsAGap() {
        var progress = progress(wall: 4_600_000)
        let before = progress.observe(wall: 4_601_000, monotonic: 1_000)
        progress.note(completeUpTo: 1_001_000, wall: 4_601_000, monotonic: 1_000)
        #expect(progress.staleness(wall: 4_601_000, monotonic: 1_000) == 3_600_000)
        #expect(progress.staleness(wall: 1_001_000, monotonic: 1_000) == 3_600_000, "set back, not noticed yet")
        let step = progress.observe(wall: 1_002_000, monotonic: 2_000)
        #expect((before, step) == (nil, -3_600_000))
        progress.note(completeUpTo: 1_002_000, wall: 1_002_000, monotonic: 2_000)
        #expect(progress.staleness(wall: 1_002_000, monotonic: 2_000) == 60_000)
        progress.note(completeUpTo: 1_952_000, wall: 1_952_000, monotonic: 952_000)
        #expect(progress.staleness(wall: 1_952_000, monotonic: 952_000) == 900_000)
        progress.note(completeUpTo: 1_963_000, wall: 1_963_000, monotonic: 963_000)
        #expect(progress.staleness(wall: 1_963_000, monotonic: 963_000) == 0, "no token can be alive that was missed")
    }

    /// The same with a broker: reading begins where an hour ahead says, and again at the start once the clock is right.
    @Test func afterAStepTheTopicIsReadFromItsStart() async throws {
        let broker = try await KafkaBroker(topics: [Topic.sessionRevoked.rawValue: 2])
        let source = try await RevocationSource(broker)
        source.start()
        try await source.publish(
            Revocation(
                target: .session(id: "early", subject: "usr_1"), reason: "logout", at: WallClock.milliseconds()))
        let ahead = Box<Int64>(3_600_000)
        let clock: @Sendable () -> Int64 = { WallClock.milliseconds() + ahead.value }
        let revocations = RevocationSet(clock: clock)
        let metrics = MetricsRegistry()
        let feed = RevocationFeed(
            kafka: KafkaConfiguration(bootstrapServers: broker.bootstrapServers), revocations: revocations,
            metrics: metrics, logger: quiet, clock: clock)
        let running = Task { try await feed.run() }
        try await eventually("every partition is heard", within: .seconds(20)) { feed.staleness(now: clock()) != nil }
        #expect(try #require(feed.staleness(now: clock())) >= .seconds(3_500))
        #expect(feed.reader.statistics.rereads == 0)

        ahead.update { $0 = 0 }
        try await eventually("it is read again", within: .seconds(20)) { feed.reader.statistics.rereads == 1 }
        try await eventually("what was before is known") { revocations.isRevoked(session: "early") }
        #expect(try #require(feed.staleness(now: clock())) >= .seconds(60), "and tokens are introspected")
        #expect(metrics.exposition().contains("security_clock_steps_total 1"))
        running.cancel()
        _ = try? await running.value
        await source.stop()
        broker.kill()
    }
}
