import Foundation
import TestSupport
import Testing

@testable import EventBus

/// The switches of `dev-kafka` do what its help says.
@Suite(.serialized) struct DevKafkaTests {
    private func record() -> KafkaRecord { KafkaRecord(topic: revoked, partition: 0, value: [1]) }

    @Test func commandsThatAreNoneAreRefused() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1])
        for line in ["", "stop", "fail", "fail 0", "fail x y", "latency", "latency -1", "clear", "topic", "topic a 0"] {
            await #expect(throws: ChildProcess.Failure.self, "\(line)") { try await broker.command(line) }
        }
        #expect(try await broker.command("topics") == "ok \(revoked):1")
        try await broker.makeTopic("more", partitions: 3)
        #expect(try await broker.command("topics") == "ok \(revoked):1,more:3")
        try await broker.loseState()
        #expect(try await broker.command("topics") == "ok \(revoked):1,more:3", "topics are made again")
    }

    @Test func restartLosesRecordsAndDownDoesNot() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1])
        func send() async throws -> Int64 {
            try await KafkaProducer(kafka(broker), logger: quiet).send(record()).offset
        }
        #expect(try await send() == 0)
        try await broker.setReachable(false)
        let hasty = try KafkaProducer(kafka(broker), timeout: .milliseconds(500), logger: quiet)
        await #expect(throws: KafkaError.self) { try await hasty.send(record()) }
        try await broker.setReachable(true)
        #expect(try await send() == 1)
        try await broker.loseState(downFor: 0.1)
        #expect(try await send() == 0, "on the same port, and empty")
    }

    @Test func answersAreDelayedAndReplacedByErrors() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1])
        let producer = try KafkaProducer(kafka(broker), logger: quiet)
        _ = try await producer.send(record())
        // Message too large: not tried again.
        try await broker.fail(api: 0, code: 10)
        await #expect {
            _ = try await producer.send(record())
        } throws: { error in
            if case KafkaError.rejected = error { true } else { false }
        }
        _ = try await producer.send(record())
        try await broker.setLatency(milliseconds: 400)
        let asked = ContinuousClock.now
        _ = try await producer.send(record())
        #expect(ContinuousClock.now - asked >= .milliseconds(400))
    }

    @Test func badOptionsEndItWithAMessage() async throws {
        let path = KafkaBroker.executable
        for options in [["--port", "0"], ["--brokers", "99"], ["--topics", "a"], ["--topics", "a:0"]] {
            let outcome = try await ChildProcess.run(path, options, within: .seconds(15))
            #expect(!outcome.succeeded)
            #expect(outcome.errors.contains("Error"))
        }
    }
}
