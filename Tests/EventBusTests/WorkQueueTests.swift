import Foundation
import TestSupport
import Testing

@testable import EventBus

/// A member of a group for as long as this object lives, and what it has handled.
final class RunningQueue: Sendable {
    let queue: WorkQueue
    private let seen = Box([CloudEvent]())
    private let task: Task<Void, any Error>

    init(
        _ broker: KafkaConfiguration, topics: [String] = [revoked], group: String = "workers",
        handle: @escaping @Sendable (CloudEvent) async throws -> Void = { _ in },
        _ change: (inout WorkQueue.Options) -> Void = { _ in }
    ) throws {
        var options = WorkQueue.Options(topics: topics, group: group)
        options.retryAfter = .milliseconds(10)
        change(&options)
        let queue = try WorkQueue(options, kafka: broker, logger: quiet)
        let seen = seen
        self.queue = queue
        task = Task {
            try await queue.run { event in
                try await handle(event)
                seen.update { $0.append(event) }
            }
        }
    }

    deinit { task.cancel() }

    var handled: [CloudEvent] { seen.value }
    var numbers: [Int] { handled.compactMap { $0.json()?["number"]?.int.map(Int.init) } }

    func stop() async {
        task.cancel()
        _ = await task.result
    }
}

/// Where the group stands, as the broker has it.
func committed(_ group: String, _ partition: TopicPartition, _ broker: KafkaConfiguration) async throws -> Int64? {
    try await withCheckedThrowingContinuation { continuation in
        Thread {
            continuation.resume(
                with: Result {
                    let consumer = try KafkaConsumer(
                        broker, ["group.id": group], callbacks: KafkaCallbacks(logger: quiet))
                    defer { consumer.close() }
                    return try consumer.committed(of: [partition], timeout: .seconds(5))[partition]
                })
        }.start()
    }
}

@Suite(.serialized) struct WorkQueueTests {
    let place = TopicPartition(topic: revoked, partition: 0)

    @Test func eachEventIsCommittedOnlyWhenItWasHandled() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1])
        let publisher = try RawPublisher(kafka(broker))
        for sequence: Int64 in 1...10 { try await publisher.event(sequence) }
        try await publisher.heartbeat(10)
        let gate = Box(false)
        let handle: @Sendable (CloudEvent) async throws -> Void = { event in
            while event.sequence == 6, !gate.value { try await Task.sleep(for: .milliseconds(5)) }
        }
        let first = try RunningQueue(kafka(broker), handle: handle)
        try await eventually("five are handled", within: .seconds(20)) { first.handled.count == 5 }
        try await eventually("and committed") { try await committed("workers", place, kafka(broker)) == 5 }
        try await eventually("six wait") { first.queue.statistics.lag == 6 }
        // It ends while the sixth is being handled.
        await first.stop()
        #expect(first.handled.count == 5)

        gate.update { $0 = true }
        let second = try RunningQueue(kafka(broker), handle: handle)
        try await eventually("the rest", within: .seconds(20)) { second.handled.count == 5 }
        #expect(second.handled.compactMap(\.sequence) == Array(6...10))
        try await eventually("no lag, though a heartbeat comes last") {
            try await committed("workers", place, kafka(broker)) == 11 && second.queue.statistics.lag == 0
        }
        #expect(second.queue.statistics.handled == 5, "a heartbeat is nobody's work")
        await second.stop()
    }

    /// The broker takes no commits, as if the member had died before each.
    @Test func whatWasHandledAndNotCommittedComesAgain() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1])
        let publisher = try RawPublisher(kafka(broker))
        for sequence: Int64 in 1...10 { try await publisher.event(sequence) }
        try await broker.fail(api: 8, code: 30, count: 1_000)
        let first = try RunningQueue(kafka(broker))
        try await eventually("all handled", within: .seconds(20)) { first.handled.count == 10 }
        try await eventually("commits fail") { first.queue.statistics.errors > 0 }
        await first.stop()
        try await broker.command("clear 8")
        #expect(try await committed("workers", place, kafka(broker)) == 0)
        let second = try RunningQueue(kafka(broker))
        try await eventually("all again", within: .seconds(20)) { second.handled.count == 10 }
        try await eventually("committed") { try await committed("workers", place, kafka(broker)) == 10 }
        await second.stop()
    }

    @Test func whatCannotBeHandledIsSetAsideAndTheRestGoesOn() async throws {
        struct Wrong: Error {}
        let broker = try await KafkaBroker(topics: [revoked: 1, "\(revoked).dead": 1, events: 1])
        let publisher = try RawPublisher(kafka(broker))
        try await publisher.event(1)
        try await publisher.raw(KafkaRecord(topic: revoked, key: [1], value: Array("nonsense".utf8)))
        try await publisher.raw(KafkaRecord(topic: revoked, value: [7]))
        for sequence: Int64 in 2...5 { try await publisher.event(sequence) }
        // The first was just small enough for its topic, and is too large with the reason added to it.
        try await broker.fail(api: 0, code: 10)
        let attempts = Box([Int64: Int]())
        let member = try RunningQueue(
            kafka(broker),
            handle: { event in
                let sequence = event.sequence ?? 0
                let attempt = attempts.update { attempts in
                    attempts[sequence, default: 0] += 1
                    return attempts[sequence] ?? 0
                }
                if sequence == 2 { throw SetAside("of no use") }
                if sequence == 3 { throw Wrong() }
                if sequence == 4, attempt < 3 { throw Wrong() }
            })
        try await eventually("the rest", within: .seconds(20)) { member.handled.compactMap(\.sequence) == [1, 4, 5] }
        #expect(attempts.value == [1: 1, 2: 1, 3: 5, 4: 3, 5: 1])
        #expect(member.queue.statistics.setAside == 4)
        #expect(member.queue.statistics.retries == 6)
        try await eventually("committed") { try await committed("workers", place, kafka(broker)) == 7 }

        let dead = try await records(of: "\(revoked).dead", kafka(broker))
        #expect(dead.map { $0.header("jts-dead-offset") } == ["1", "2", "3", "4"])
        #expect(dead.allSatisfy { $0.header("jts-dead-topic") == revoked })
        #expect(dead[0].value.isEmpty)
        #expect(dead[0].key == [1])
        #expect(dead[0].header("jts-dead-omitted-bytes") == "8")
        #expect(dead[1].value == [7])
        #expect(dead[2].header("jts-dead-reason") == "of no use")
        #expect(try CloudEvent(dead[2]).json()?["number"]?.int == 2)
        #expect(dead[3].header("jts-dead-reason")?.hasPrefix("5 attempts failed") == true)
        let told = try await contents(of: events, kafka(broker))
        #expect(told.map(\.type) == Array(repeating: "org.jts.queue.message-set-aside", count: 4))
        #expect(told.first?.json()?["topic"]?.string == revoked)
        await member.stop()
    }

    @Test func aSlowHandlerHoldsReadingBack() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2])
        let publisher = try RawPublisher(kafka(broker))
        for sequence: Int64 in 1...100 { try await publisher.event(sequence, partition: Int32(sequence % 2)) }
        let gate = Box(false)
        let member = try RunningQueue(
            kafka(broker),
            handle: { _ in while !gate.value { try await Task.sleep(for: .milliseconds(5)) } },
            { $0.buffer = 8 })
        try await eventually("the buffer is full", within: .seconds(20)) { member.queue.channel.count == 8 }
        // More than what was there when reading paused.
        for sequence: Int64 in 101...150 { try await publisher.event(sequence, partition: Int32(sequence % 2)) }
        try await eventually("all of it is behind") { member.queue.statistics.lag == 150 }
        #expect(member.queue.channel.count == 8)
        #expect(member.handled.isEmpty)
        gate.update { $0 = true }
        try await eventually("all handled") { member.handled.count == 150 }
        try await eventually("no lag") { member.queue.statistics.lag == 0 }
        for partition: Int32 in [0, 1] {
            let offsets = member.handled.filter { $0.partition == partition }.map(\.offset)
            #expect(offsets == Array(0..<75), "each partition in its order")
        }
        await member.stop()
    }

    /// Members come and go while events arrive: each event is handled, those of a key in their order.
    @Test func membersShareThePartitions() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2])
        let publisher = try RawPublisher(kafka(broker))
        let sequence = Box(Int64(0))
        @Sendable func publish(_ count: Int) async throws {
            for _ in 0..<count {
                let next = sequence.update { value in
                    value += 1
                    return value
                }
                try await publisher.event(next, partition: Int32(next % 2))
            }
        }
        let a = try RunningQueue(kafka(broker))
        try await publish(20)
        try await eventually("one has all", within: .seconds(20)) {
            a.handled.count == 20 && a.queue.statistics.assignedPartitions == 2
        }
        for partition: Int32 in [0, 1] {
            let place = TopicPartition(topic: revoked, partition: partition)
            try await eventually("committed") { try await committed("workers", place, kafka(broker)) == 10 }
        }
        let b = try RunningQueue(kafka(broker))
        try await eventually("two share", within: .seconds(20)) {
            a.queue.statistics.assignedPartitions == 1 && b.queue.statistics.assignedPartitions == 1
        }
        try await publish(40)
        try await eventually("both work") { a.handled.count + b.handled.count >= 60 }
        #expect(!b.handled.isEmpty)
        #expect(a.handled.count > 20)
        await a.stop()
        try await publish(20)
        try await eventually("the other has all", within: .seconds(20)) {
            b.queue.statistics.assignedPartitions == 2
                && Set((a.handled + b.handled).compactMap(\.sequence)) == Set(1...80)
        }
        try await eventually("no lag") { b.queue.statistics.lag == 0 }
        for member in [a, b] {
            for partition: Int32 in [0, 1] {
                let offsets = member.handled.filter { $0.partition == partition }.map(\.offset)
                #expect(offsets == offsets.sorted())
            }
        }
        #expect((a.handled + b.handled).count == 80, "what is committed when a partition changes hands comes once")
        await b.stop()
    }

    @Test func aBrokerThatLostItsStateMakesNoDoubleWork() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1, events: 1])
        let outbox = try await TestOutbox(.sqlite)
        let relay = RunningRelay(outbox.source(), kafka(broker))
        let member = try RunningQueue(kafka(broker))
        try await outbox.write((0..<20).map { makeEvent($0) })
        try await eventually("before", within: .seconds(20)) { member.handled.count == 20 }
        try await broker.loseState(downFor: 0.2)
        try await outbox.write((20..<30).map { makeEvent($0) })
        // The group forms anew, which takes the mock up to a session and a rebalance.
        try await eventually("after", within: .seconds(90)) { member.handled.count == 30 }
        #expect(member.numbers == Array(0..<30))
        try await eventually("repeats were dropped") { member.queue.statistics.repeats == 20 }
        await relay.stop()
        await member.stop()
    }
}

/// All records that stand in a topic of one partition.
func records(of topic: String, _ broker: KafkaConfiguration) async throws -> [KafkaMessage] {
    try await withCheckedThrowingContinuation { continuation in
        Thread {
            continuation.resume(
                with: Result {
                    let consumer = try KafkaConsumer(
                        broker, ["group.id": "dump", "fetch.wait.max.ms": "10"],
                        callbacks: KafkaCallbacks(logger: quiet))
                    defer { consumer.close() }
                    try consumer.assign([(TopicPartition(topic: topic, partition: 0), 0)])
                    var found: [KafkaMessage] = []
                    while true {
                        switch consumer.poll(.seconds(10)) {
                        case .message(let message): found.append(message)
                        case .end: return found
                        case .failure(let error): throw error
                        case .nothing: throw KafkaError.unavailable("the end of \(topic)")
                        }
                    }
                })
        }.start()
    }
}
