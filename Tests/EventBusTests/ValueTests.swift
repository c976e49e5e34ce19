import CRdkafka
import Contracts
import StrictJSON
import Testing

@testable import EventBus

@Suite struct ValueTests {
    @Test func anEventKeepsItselfThroughTheOutbox() throws {
        let event = OutboxEvent(
            topic: events, key: "k", type: "org.jts.test", subject: "ü/\"", time: 1_700_000_000_123,
            trace: TestTrace(), data: ["a": [1, "two", nil]])
        #expect(event.traceparent == TestTrace.parent)
        #expect(event.tracestate == TestTrace.state)
        #expect(OutboxEvent(encoded: event.encoded().utf8) == event)
        var bare = event
        bare.subject = nil
        bare.traceparent = nil
        bare.tracestate = nil
        #expect(OutboxEvent(encoded: bare.encoded().utf8) == bare)
        #expect(OutboxEvent(encoded: "{}".utf8) == nil)
        #expect(OutboxEvent(encoded: Array(event.encoded().utf8).dropLast()) == nil)
    }

    @Test func aSecurityEventIsWrittenAlikeInOneGo() throws {
        let full = SecurityEvent(
            .refreshRefused, outcome: .refused, subject: "usr_\"1", actor: "a", sessionID: "s", reason: "r", at: 5,
            requestID: "q", fields: ["n": 1, "list": ["x", nil]], personal: ["address": "::1"])
        for event in [full, SecurityEvent(.sessionRefreshed, at: 7)] {
            var whole = event.outboxEvent()
            whole.id = EventID.make()
            let written = event.encodedForOutbox(id: whole.id)
            #expect(written == Array(whole.encoded().utf8))
            #expect(OutboxEvent(encoded: written) == whole)
            #expect(OutboxEvent.topic(encoded: written) == "security.events")
        }
    }

    @Test func theTopicIsFoundOnlyInTheFormThatIsWritten() {
        var event = makeEvent(1)
        event.topic = "a\"b"
        #expect(OutboxEvent.topic(encoded: Array(event.encoded().utf8)) == nil)
        for text in [
            "", "{}", #"{"id":"1","topic":"t"#, #"{"id":"1","topic":"t""#, #"{ "id":"1","topic":"t","key":"k"}"#,
        ] {
            #expect(OutboxEvent.topic(encoded: Array(text.utf8)) == nil, "\(text)")
        }
    }

    @Test func idsAreUUIDsOfVersionFour() throws {
        var seen: Set<String> = []
        for _ in 0..<1_000 {
            let id = EventID.make()
            #expect(id.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
            seen.insert(id)
        }
        #expect(seen.count == 1_000)
    }

    @Test func headersFollowTheKafkaBinding() throws {
        let source = EventSource(service: "test", outbox: "main", epoch: 17, topic: events)
        var event = makeEvent(3, topic: events)
        event.time = 1_700_000_000_123
        event.traceparent = "00-1-2-01"
        event.tracestate = "a=1,b=2"
        let record = event.cloudEvent(source: source, sequence: 9).record()
        let headers = Dictionary(
            uniqueKeysWithValues: record.headers.map { ($0.name, String(decoding: $0.value, as: UTF8.self)) })
        #expect(
            headers == [
                "ce_specversion": "1.0", "ce_id": event.id, "ce_source": "test/main/17/security.events",
                "ce_type": "org.jts.test", "ce_time": "2023-11-14T22:13:20.123Z", "ce_subject": "s-3",
                "ce_sequence": "9", "ce_traceparent": "00-1-2-01", "ce_tracestate": "a=1,b=2",
                "content-type": "application/json",
            ])
        #expect(record.value == event.data.encoded())
        #expect(record.key == Array(event.key.utf8))
    }

    @Test(arguments: ["ce_specversion", "ce_id", "ce_source", "ce_type"])
    func aRecordWithoutARequiredHeaderIsNoEvent(_ missing: String) {
        let whole = makeEvent(1).cloudEvent(
            source: EventSource(service: "a", outbox: "b", epoch: 1, topic: "c"), sequence: 1
        ).record()
        let message = KafkaMessage(
            partition: TopicPartition(topic: "c", partition: 0), offset: 4, timestamp: nil, key: nil, value: [],
            headers: whole.headers.filter { $0.name != missing })
        #expect(throws: CloudEvent.Malformed.header(missing)) { try CloudEvent(message) }
    }

    @Test(arguments: [("ce_time", "yesterday"), ("ce_sequence", "0"), ("ce_sequence", "x"), ("ce_specversion", "0.3")])
    func aRecordWithABadHeaderIsNoEvent(_ header: (String, String)) {
        let whole = makeEvent(1).cloudEvent(
            source: EventSource(service: "a", outbox: "b", epoch: 1, topic: "c"), sequence: 1
        ).record()
        let message = KafkaMessage(
            partition: TopicPartition(topic: "c", partition: 0), offset: 4, timestamp: nil, key: nil, value: [],
            headers: whole.headers.filter { $0.name != header.0 } + [(header.0, Array(header.1.utf8))])
        #expect(throws: CloudEvent.Malformed.header(header.0)) { try CloudEvent(message) }
    }

    @Test func sourcesAreReadBack() {
        let source = EventSource(service: "token-service", outbox: "main", epoch: 42, topic: events)
        #expect(EventSource(source.description) == source)
        #expect(source.outboxName == "token-service/main")
        for text in ["", "a/b/c/d", "a/b/1", "a/b/1/c/d", "/b/1/c"] { #expect(EventSource(text) == nil) }
    }

    @Test func secretsStayOutOfDescriptionsAndErrors() {
        var configuration = KafkaConfiguration(
            bootstrapServers: "localhost:1", securityProtocol: .saslSSL,
            sasl: .init(mechanism: "PLAIN", username: "u", password: "hush"))
        #expect(!"\(configuration)".contains("hush"))
        #expect(!String(reflecting: configuration).contains("hush"))
        configuration.extra["no.such.setting"] = "hush"
        #expect(throws: KafkaError.configuration("no.such.setting: no such setting")) { try configuration.validate() }
        configuration.extra = ["acks": "hush"]
        #expect(throws: KafkaError.configuration("acks: not a value it takes")) { try configuration.validate() }
    }

    @Test func securitySettingsReachLibrdkafka() throws {
        let configuration = KafkaConfiguration(
            bootstrapServers: "localhost:1", securityProtocol: .saslSSL,
            sasl: .init(mechanism: "SCRAM-SHA-512", username: "u", password: "p"),
            tls: .init(caFile: "/ca", certificateFile: "/crt", keyFile: "/key", keyPassword: "secret"))
        try configuration.validate()
        #expect(
            try taken(configuration, own: ["client.id": "own", "linger.ms": "7"]) == [
                "bootstrap.servers": "localhost:1", "security.protocol": "sasl_ssl",
                "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "u", "sasl.password": "p",
                "ssl.ca.location": "/ca", "ssl.certificate.location": "/crt", "ssl.key.location": "/key",
                "ssl.key.password": "secret", "client.id": "own", "linger.ms": "7",
            ])
    }

    @Test func furtherSettingsGoOverOurOwn() throws {
        let configuration = KafkaConfiguration(
            bootstrapServers: "localhost:1", clientID: "mine",
            extra: ["linger.ms": "9", "sasl.username": "other", "ssl.ca.location": "/other"])
        #expect(
            try taken(configuration, own: ["linger.ms": "7"]) == [
                "bootstrap.servers": "localhost:1", "security.protocol": "plaintext", "client.id": "mine",
                "linger.ms": "9", "sasl.username": "other", "ssl.ca.location": "/other", "sasl.mechanism": "GSSAPI",
            ])
    }

    /// What librdkafka itself holds after it took the settings; what it has no value for is left out.
    private func taken(_ configuration: KafkaConfiguration, own: [String: String]) throws -> [String: String] {
        let settings = try KafkaSettings(configuration, own)
        var values: [String: String] = [:]
        for name in [
            "bootstrap.servers", "security.protocol", "client.id", "linger.ms", "sasl.mechanism", "sasl.username",
            "sasl.password", "ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password",
        ] {
            var buffer = [CChar](repeating: 0, count: 256)
            var size = buffer.count
            guard rd_kafka_conf_get(settings.pointer, name, &buffer, &size) == RD_KAFKA_CONF_OK else { continue }
            values[name] = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return values
    }
}

@Suite struct SequenceLedgerTests {
    @Test func remembersWhatItSawInAnyOrder() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var ledger = SequenceLedger()
            var model: Set<Int64> = []
            for _ in 0..<80 {
                let number = Int64.random(in: 1...60, using: &generator)
                #expect(ledger.contains(number) == model.contains(number))
                let isNew = model.insert(number).inserted
                let wasNew = ledger.insert(number)
                #expect(wasNew == isNew)
            }
            let missing = ledger.missing(in: 5...50).flatMap { Array($0) }
            #expect(missing == (5...50).filter { !model.contains($0) })
            for (one, next) in zip(ledger.ranges, ledger.ranges.dropFirst()) {
                #expect(one.upperBound + 1 < next.lowerBound)
            }
        }
    }

    @Test func isBounded() {
        var ledger = SequenceLedger(limit: 4)
        for number in stride(from: Int64(1), to: 40, by: 2) { _ = ledger.insert(number) }
        #expect(ledger.ranges.count == 4)
        #expect(ledger.ranges.last == 39...39)
        // Up to the highest that was forgotten nothing counts as seen, and nothing as missing.
        #expect(ledger.forgotten == 31)
        for number in [Int64(2), 3, 31] {
            let isNew = ledger.insert(number)
            #expect(isNew)
        }
        #expect(!ledger.contains(31))
        #expect(ledger.missing(in: 1...40) == [32...32, 34...34, 36...36, 38...38, 40...40])
    }
}

@Suite struct FeedStateTests {
    let source = EventSource(service: "test", outbox: "main", epoch: 1, topic: revoked)

    /// `#expect` takes no mutating calls.
    private final class Subject {
        private var state = FeedState()
        func setPartitions(_ counts: [String: Int32]) { state.setPartitions(counts) }
        func accept(_ event: CloudEvent) -> Bool { state.accept(event) }
        func accept(_ heartbeat: Heartbeat) -> [ClosedRange<Int64>] { state.accept(heartbeat) }
        func giveUp(_ name: String, upTo sequence: Int64) { state.giveUp(name, upTo: sequence) }
        func staleness(of outbox: String, topics: [String], now: Int64) -> Int64? {
            state.staleness(of: outbox, topics: topics, now: now)
        }
    }

    private func event(_ sequence: Int64, partition: Int32) -> CloudEvent {
        var event = makeEvent(1).cloudEvent(source: source, sequence: sequence)
        event.partition = partition
        return event
    }

    private func heartbeat(_ last: Int64, partition: Int32, watermark: Int64 = 1_000) -> Heartbeat {
        Heartbeat(
            source: source, watermark: watermark, lastSequence: last,
            partition: TopicPartition(topic: revoked, partition: partition))
    }

    @Test func aGapCountsOnlyWhenAllPartitionsArePastIt() {
        let state = Subject()
        state.setPartitions([revoked: 2])
        #expect(state.accept(heartbeat(0, partition: 0)).isEmpty)
        #expect(state.accept(heartbeat(0, partition: 1)).isEmpty)
        #expect(state.accept(event(1, partition: 0)))
        #expect(state.accept(event(3, partition: 0)))
        #expect(state.accept(heartbeat(3, partition: 0)).isEmpty, "number 2 may stand in the other partition")
        #expect(state.accept(heartbeat(3, partition: 1)) == [2...2])
        #expect(state.accept(event(2, partition: 1)), "late, but told")
        #expect(!state.accept(event(2, partition: 1)), "told before")
        #expect(state.accept(heartbeat(3, partition: 1)).isEmpty)
    }

    @Test func whatStoodBeforeTheFirstThatWasReadIsNoGap() {
        let state = Subject()
        state.setPartitions([revoked: 2])
        #expect(state.accept(event(7, partition: 0)))
        #expect(state.accept(heartbeat(9, partition: 1)).isEmpty)
        #expect(
            state.accept(heartbeat(9, partition: 0)).isEmpty, "8 and 9 may stand before where partition 1 was begun")
        #expect(state.accept(heartbeat(10, partition: 1)).isEmpty)
        #expect(state.accept(heartbeat(10, partition: 0)) == [10...10])
        state.giveUp(source.description, upTo: 10)
        #expect(state.accept(heartbeat(10, partition: 0)).isEmpty)
    }

    @Test func stalenessIsThatOfTheOldestPartition() {
        let state = Subject()
        state.setPartitions([revoked: 2])
        #expect(state.staleness(of: "test/main", topics: [revoked], now: 5_000) == nil)
        _ = state.accept(heartbeat(0, partition: 0, watermark: 4_000))
        #expect(state.staleness(of: "test/main", topics: [revoked], now: 5_000) == nil)
        _ = state.accept(heartbeat(0, partition: 1, watermark: 2_500))
        #expect(state.staleness(of: "test/main", topics: [revoked], now: 5_000) == 2_500)
        _ = state.accept(heartbeat(0, partition: 1, watermark: 1_000))
        #expect(state.staleness(of: "test/main", topics: [revoked], now: 5_000) == 2_500, "never backwards")
        #expect(state.staleness(of: "test/other", topics: [revoked], now: 5_000) == nil)
    }
}
