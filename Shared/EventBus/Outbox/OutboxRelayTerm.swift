import Contracts
import Foundation
import Logging
import Synchronization

/// The time during which a relay has the lease.
final class OutboxRelayTerm: Sendable {
    private let relay: OutboxRelay
    private let lease: Mutex<OutboxLease?>
    private let progress = Mutex(Progress())

    private struct Progress {
        var producer: TransactionalProducer?
        var epoch: Int64 = 0
        var lastSequences: [String: Int64] = [:]
        /// The last record acknowledged on each partition, heartbeats too.
        var acknowledged: [TopicPartition: AcknowledgedPosition] = [:]
        var needsRepublication = false
        var watermark: Int64 = 0
        var nextHeartbeat = ContinuousClock.now
        var nextPruning = ContinuousClock.now
        var nextCount = ContinuousClock.now
    }

    private var options: OutboxRelay.Options { relay.options }
    private var source: any OutboxSource { relay.source }

    init(relay: OutboxRelay, lease: OutboxLease) {
        self.relay = relay
        self.lease = Mutex(lease)
    }

    private var currentLease: OutboxLease? { lease.withLock { $0.flatMap { $0.isCurrent ? $0 : nil } } }

    private func loseLease() { lease.withLock { $0 = nil } }

    /// Renews the lease until it is lost or this is cancelled.
    func keepLease() async {
        while let held = currentLease {
            try? await Task.sleep(for: options.renewEvery)
            guard !Task.isCancelled else { return }
            do throws(OutboxError) {
                let renewed = try await source.renew(held, ttl: options.leaseTTL)
                lease.withLock { if $0 != nil { $0 = renewed } }
            } catch {
                // The store is away; the lease holds until its time is up.
                relay.fail("cannot renew the lease", error)
            }
        }
        relay.wakeup.wake()
    }

    /// Relays until the lease is lost or the relay is to stop.
    func work() async {
        var pause: Duration = .milliseconds(50)
        var isOpen = false
        while currentLease != nil {
            let stopsAfterThis = relay.isStopping
            do {
                if !isOpen {
                    try await open()
                    isOpen = true
                }
                try await pass(isLast: stopsAfterThis)
                pause = .milliseconds(50)
                if stopsAfterThis { return }
                await relay.wakeup.wait(upTo: options.pollEvery)
                continue
            } catch OutboxError.leaseLost {
                return loseLease()
            } catch OutboxError.epochChanged {
                isOpen = false
            } catch let error as KafkaError {
                relay.fail("cannot publish", error)
                await dropProducer()
                if case .fenced = error { return loseLease() }
                if case .unknownProducer = error { progress.withLock { $0.needsRepublication = true } }
            } catch {
                relay.fail("cannot relay", error)
                isOpen = false
            }
            if stopsAfterThis { return }
            await countBacklogIfDue()
            await relay.stopSignal.wait(upTo: pause)
            pause = min(pause * 2, .seconds(1))
        }
    }

    /// What waits is counted only while it cannot be published; else it is next to nothing.
    private func countBacklogIfDue() async {
        guard
            progress.withLock({ progress in
                guard progress.nextCount <= .now else { return false }
                progress.nextCount = .now + options.heartbeatEvery
                return true
            })
        else { return }
        if let waiting = try? await source.backlog() { relay.count { $0.backlog = waiting } }
    }

    func end() async {
        await dropProducer()
        if options.releasesLease, let held = lease.withLock({ $0 }) { await source.release(held) }
    }

    private func dropProducer() async {
        let producer = progress.withLock { progress in
            defer { progress.producer = nil }
            return progress.producer
        }
        await producer?.close()
    }

    private func held() throws -> OutboxLease {
        guard let held = currentLease else { throw OutboxError.leaseLost }
        return held
    }

    private func open() async throws {
        let state = try await source.open(held())
        progress.withLock { progress in
            progress.epoch = state.epoch
            progress.lastSequences = state.lastSequences
        }
    }

    // MARK: - One pass

    private func pass(isLast: Bool) async throws {
        let producer = try await producer()
        let isHeartbeatDue = isLast || progress.withLock { $0.nextHeartbeat <= .now }
        // Read before the events are: whatever was committed by then is among those published below.
        let mark = isHeartbeatDue ? try await source.clock() : 0
        var heldBackSince: Int64?
        while true {
            let batch = try await source.take(limit: options.batchSize, held())
            if !batch.records.isEmpty { try await publish(batch, producer) }
            heldBackSince = batch.heldBackSince
            guard batch.hasMore else { break }
        }
        if isHeartbeatDue {
            let watermark = min(mark, heldBackSince.map { $0 - 1 } ?? mark)
            try await heartbeat(watermark, producer)
            relay.count { $0.backlog = 0 }
        }
        if progress.withLock({ $0.nextPruning <= .now }) {
            progress.withLock { $0.nextPruning = .now + options.pruneEvery }
            try await source.prune(held())
        }
    }

    private func publish(_ batch: OutboxBatch, _ producer: TransactionalProducer) async throws {
        let started = ContinuousClock.now
        let records = batch.records.map { record in
            let source = EventSource(
                service: relay.serviceName, outbox: source.name, epoch: record.epoch, topic: record.event.topic)
            return record.event.cloudEvent(source: source, sequence: record.sequence).record()
        }
        _ = try held()
        let positions = try await producer.publish(records, timeout: options.publishTimeout)
        let acknowledged = note(zip(positions, batch.records.map(\.event.id)))
        progress.withLock { progress in
            for record in batch.records where record.epoch == progress.epoch {
                progress.lastSequences[record.event.topic] = max(
                    record.sequence, progress.lastSequences[record.event.topic] ?? 0)
            }
        }
        try await source.confirm(batch, acknowledged, held())
        relay.count {
            $0.published += records.count
            $0.batches += 1
            $0.lastBatchDuration = .now - started
        }
    }

    private func heartbeat(_ watermark: Int64, _ producer: TransactionalProducer) async throws {
        let counts = try await producer.partitionCounts(of: relay.heartbeatTopics)
        let (epoch, lastSequences, safe) = progress.withLock { progress in
            progress.watermark = max(progress.watermark, watermark)
            progress.nextHeartbeat = .now + options.heartbeatEvery
            return (progress.epoch, progress.lastSequences, progress.watermark)
        }
        var records: [KafkaRecord] = []
        var ids: [String] = []
        for (topic, count) in counts.sorted(by: { $0.key < $1.key }) {
            let source = EventSource(
                service: relay.serviceName, outbox: source.name, epoch: epoch, topic: topic)
            for partition in 0..<count {
                let heartbeat = Heartbeat(
                    source: source, watermark: safe, lastSequence: lastSequences[topic] ?? 0,
                    partition: TopicPartition(topic: topic, partition: partition))
                ids.append(UUID().uuidString.lowercased())
                records.append(
                    heartbeat.event(id: ids[ids.count - 1], time: WallClock.milliseconds()).record(partition: partition)
                )
            }
        }
        _ = try held()
        note(zip(try await producer.publish(records, timeout: options.publishTimeout), ids))
        relay.count {
            $0.heartbeats += 1
            $0.watermark = safe
            $0.lastError = nil
        }
    }

    @discardableResult
    private func note(_ positions: some Sequence<(RecordPosition, String)>) -> [AcknowledgedPosition] {
        var latest: [TopicPartition: AcknowledgedPosition] = [:]
        for (position, id) in positions where position.offset >= latest[position.partition]?.position.offset ?? 0 {
            latest[position.partition] = AcknowledgedPosition(position: position, eventID: id)
        }
        progress.withLock { $0.acknowledged.merge(latest) { $1 } }
        return Array(latest.values)
    }

    // MARK: - The producer

    /// A producer that is registered, with a broker that still has what was acknowledged.
    private func producer() async throws -> TransactionalProducer {
        if let producer = progress.withLock({ $0.producer }) { return producer }
        let producer = try TransactionalProducer(
            relay.kafka, transactionalID: "\(relay.serviceName)-\(source.name)", logger: relay.logger)
        do {
            try await producer.start(topics: relay.heartbeatTopics)
            try await republishWhatIsLost()
        } catch {
            await producer.close()
            throw error
        }
        progress.withLock { $0.producer = producer }
        return producer
    }

    private func republishWhatIsLost() async throws {
        var positions: [TopicPartition: AcknowledgedPosition] = [:]
        for stored in try await source.acknowledged() { positions[stored.position.partition] = stored }
        // What this relay has seen itself is newer.
        positions.merge(progress.withLock { $0.acknowledged }) { $1 }
        let lost: Set<String>
        if progress.withLock({ $0.needsRepublication }) {
            lost = Set(positions.keys.map(\.topic))
        } else {
            lost = try await BrokerMemory(relay.kafka, logger: relay.logger).lostTopics(Array(positions.values))
        }
        if !lost.isEmpty {
            relay.logger.warning(
                "the broker has lost what it acknowledged; publishing again what is kept",
                metadata: ["topics": "\(lost.sorted().joined(separator: ","))"])
            try await source.republish(lost, held())
            relay.count { $0.republications += 1 }
        }
        progress.withLock { progress in
            progress.needsRepublication = false
            progress.acknowledged = progress.acknowledged.filter { !lost.contains($0.key.topic) }
        }
    }
}

extension OutboxEvent {
    package func cloudEvent(source: EventSource, sequence: Int64) -> CloudEvent {
        CloudEvent(
            id: id, source: source.description, type: type, subject: subject, time: time, sequence: sequence,
            traceparent: traceparent, tracestate: tracestate, data: data.encoded(), topic: topic, key: key)
    }
}
