import Foundation
import TestSupport
import Testing

@testable import EventBus

@Suite(.serialized) struct ProducerTests {
    private func record(_ number: Int) -> KafkaRecord {
        KafkaRecord(topic: revoked, key: Array("k".utf8), value: Array("\(number)".utf8))
    }

    @Test func whatIsOnItsWayIsBounded() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1])
        let producer = try KafkaProducer(kafka(broker), maxInFlight: 5, timeout: .seconds(30), logger: quiet)
        _ = try await producer.send(record(0))
        broker.pause()
        let results = try await withThrowingTaskGroup(of: Result<RecordPosition, KafkaError>.self) { group in
            for number in 1...5 {
                group.addTask {
                    do throws(KafkaError) {
                        return .success(try await producer.send(record(number)))
                    } catch {
                        return .failure(error)
                    }
                }
            }
            try await eventually("five on their way") { producer.inFlight == 5 }
            await #expect(throws: KafkaError.overloaded) { try await producer.send(record(6)) }
            broker.resume()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let offsets = try results.map { try $0.get().offset }
        #expect(Set(offsets) == Set(1...5))
        #expect(producer.inFlight == 0)
    }

    @Test func aBrokerThatDoesNotAnswerInTimeIsUnavailable() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1])
        let producer = try KafkaProducer(kafka(broker), timeout: .seconds(2), logger: quiet)
        _ = try await producer.send(record(0))
        broker.pause()
        await #expect {
            _ = try await producer.send(record(1))
        } throws: { error in
            if case KafkaError.unavailable = error { true } else { false }
        }
        broker.resume()
        try await eventually("it goes on") { (try? await producer.send(record(2))) != nil }
    }

    /// Its numbers mean nothing to the broker any more.
    @Test func aProducerOutlivesTheStateOfItsBroker() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1])
        let producer = try KafkaProducer(kafka(broker), logger: quiet)
        for number in 0..<5 { _ = try await producer.send(record(number)) }
        try await broker.loseState()
        for number in 5..<10 {
            try await eventually("record \(number)", within: .seconds(20)) {
                (try? await producer.send(record(number))) != nil
            }
        }
    }

    @Test func whatTheBrokerWillNeverTakeIsRejected() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1])
        let producer = try KafkaProducer(kafka(broker), logger: quiet)
        let tooLarge = KafkaRecord(topic: revoked, value: [UInt8](repeating: 0, count: 2_000_000))
        await #expect {
            _ = try await producer.send(tooLarge)
        } throws: { error in
            if case KafkaError.rejected = error { true } else { false }
        }
    }

    @Test func aBatchIsAcknowledgedInItsOrder() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1])
        let producer = try TransactionalProducer(kafka(broker), transactionalID: "t", logger: quiet)
        try await producer.start(topics: [revoked])
        let positions = try await producer.publish((0..<5).map(record))
        #expect(positions.map(\.offset) == Array(0..<5))
        #expect(try await producer.publish([]).isEmpty)
        await producer.close()
        await #expect(throws: KafkaError.closed) { try await producer.publish([record(8)]) }
    }
}
