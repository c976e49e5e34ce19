import NIOCore
import Testing

@testable import Redis

@Suite struct CommandPipelineTests {
    private func instant(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    private func completed(_ action: CommandPipeline<Int>.ReplyAction) -> Int? {
        if case .complete(let value) = action { value } else { nil }
    }

    @Test func answersComeInOrder() {
        var pipeline = CommandPipeline<Int>()
        for number in 1...3 { pipeline.append(number, deadline: instant(Int64(number))) }
        pipeline.flushed()
        #expect(pipeline.nextDeadline == instant(1))
        #expect(completed(pipeline.replied()) == 1)
        #expect(completed(pipeline.replied()) == 2)
        #expect(pipeline.nextDeadline == instant(3))
        #expect(completed(pipeline.replied()) == 3)
        #expect(pipeline.nextDeadline == nil)
    }

    @Test func anAnswerWithoutACommandIsNoticed() {
        var pipeline = CommandPipeline<Int>()
        guard case .unsolicited = pipeline.replied() else { return #expect(Bool(false), "taken for an answer") }
        // Nor does a reply belong to a command that has not left yet.
        pipeline.append(1, deadline: instant(1))
        guard case .unsolicited = pipeline.replied() else { return #expect(Bool(false), "taken for an answer") }
    }

    @Test func aCutTellsWhatMayHaveBeenExecuted() {
        var pipeline = CommandPipeline<Int>()
        for number in 1...4 { pipeline.append(number, deadline: instant(9)) }
        pipeline.flushed()
        _ = pipeline.replied()
        pipeline.append(5, deadline: instant(9))
        pipeline.append(6, deadline: instant(9))
        let left = pipeline.close()
        #expect(left.outcomeUnknown == [2, 3, 4])
        #expect(left.notSent == [5, 6])
        #expect(pipeline.phase == .closed)
        #expect(pipeline.close().outcomeUnknown == [])
    }

    @Test func drainingEndsWithTheLastAnswer() {
        var idle = CommandPipeline<Int>()
        #expect(idle.drain() == true)
        var pipeline = CommandPipeline<Int>()
        pipeline.append(1, deadline: instant(9))
        pipeline.append(2, deadline: instant(9))
        pipeline.flushed()
        #expect(pipeline.drain() == false)
        #expect(completed(pipeline.replied()) == 1)
        guard case .completeAndClose(2) = pipeline.replied() else { return #expect(Bool(false), "not the end") }
    }
}

@Suite struct ConnectionLifecycleTests {
    private let start = NIODeadline.uptimeNanoseconds(0)

    @Test func theFirstCommandConnects() {
        var lifecycle = ConnectionLifecycle(backoff: Backoff())
        #expect(lifecycle.admit() == .connectAndWait)
        #expect(lifecycle.admit() == .wait)
        #expect(lifecycle.connected(now: start) == true)
        #expect(lifecycle.admit() == .send)
    }

    @Test func attemptsSpreadOutUntilAConnectionLasts() {
        var lifecycle = ConnectionLifecycle(backoff: Backoff(base: 100, maximum: 1_000))
        _ = lifecycle.admit()
        #expect(lifecycle.failed(random: 1) == 100)
        #expect(lifecycle.admit() == .wait)
        #expect(lifecycle.retry() == true)
        #expect(lifecycle.failed(random: 1) == 200)
        #expect(lifecycle.retry() == true)
        #expect(lifecycle.connected(now: start) == true)
        // Gone at once: no reason to begin anew with short waits.
        #expect(lifecycle.lost(now: start + .milliseconds(10), random: 1) == 400)
        #expect(lifecycle.retry() == true)
        #expect(lifecycle.connected(now: start) == true)
        #expect(lifecycle.lost(now: start + .seconds(2), random: 1) == 100)
    }

    @Test func nothingHappensAfterTheEnd() {
        var lifecycle = ConnectionLifecycle(backoff: Backoff())
        _ = lifecycle.admit()
        lifecycle.close()
        #expect(lifecycle.connected(now: start) == false)
        #expect(lifecycle.failed(random: 0.5) == nil)
        #expect(lifecycle.lost(now: start, random: 0.5) == nil)
        #expect(lifecycle.retry() == false)
        #expect(lifecycle.admit() == .refuse)
    }

    @Test func backoffDoublesWithFullJitterUpToItsMaximum() {
        var backoff = Backoff(base: 20, maximum: 2_000)
        let waits = (0..<10).map { _ in backoff.next(random: 1) }
        #expect(waits == [20, 40, 80, 160, 320, 640, 1_280, 2_000, 2_000, 2_000])
        for _ in 0..<100 { _ = backoff.next(random: 1) }
        #expect(backoff.next(random: 1) == 2_000)
        #expect(backoff.next(random: 0) == 1)
        #expect(backoff.next(random: 0.5) == 1_000)
        backoff.reset()
        #expect(backoff.next(random: 1) == 20)
    }
}

@Suite struct HandshakeTests {
    @Test func credentialsComeFirst() {
        let handshake = Handshake(username: "app", password: "secret", clientName: "jts", database: 3)
        #expect(
            handshake.commands == [
                ["AUTH", "app", "secret"], ["CLIENT", "SETNAME", "jts"], ["SELECT", 3], ["INFO", "server"], ["PING"],
            ])
        let bare = Handshake(username: nil, password: nil, clientName: "jts", database: 0)
        #expect(bare.commands == [["CLIENT", "SETNAME", "jts"], ["INFO", "server"], ["PING"]])
    }

    @Test func anyRefusalButOfTheInessentialEndsIt() throws {
        let handshake = Handshake(username: nil, password: "x", clientName: "jts", database: 0)
        let info = RESPValue.bulk(Array("# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n".utf8))
        let section = try handshake.judge([.status("OK"), .status("OK"), info, .status("PONG")])
        #expect(section.runID == "abc")
        #expect(section.version == "7.0.15")
        let narrow = try handshake.judge([.status("OK"), .error("NOPERM a"), .error("NOPERM b"), .error("NOPERM c")])
        #expect(narrow.runID == nil)
        #expect(throws: RedisError.unavailable("WRONGPASS no")) {
            try handshake.judge([.error("WRONGPASS no"), .error("NOAUTH"), .error("NOAUTH"), .error("NOAUTH")])
        }
        #expect(throws: RedisError.unavailable("LOADING wait")) {
            try handshake.judge([.status("OK"), .status("OK"), info, .error("LOADING wait")])
        }
    }
}
