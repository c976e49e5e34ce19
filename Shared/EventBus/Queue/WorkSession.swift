import Logging

/// What a work queue does on its thread: reads, commits what was handled, and pauses when too much waits.
final class WorkSession {
    private let queue: WorkQueue
    private let consumer: KafkaConsumer
    private var overflow: [WorkItem] = []
    private var isPaused = false
    private var nextCommit = ContinuousClock.now
    private var nextCount = ContinuousClock.now

    init(queue: WorkQueue, consumer: KafkaConsumer) {
        self.queue = queue
        self.consumer = consumer
    }

    func run(until stop: StopFlag) {
        while !stop.isSet {
            let generation = queue.progress.generation
            let polled = consumer.poll(overflow.isEmpty ? .milliseconds(50) : .milliseconds(5))
            if queue.progress.generation != generation {
                overflow = []
                // Partitions that stay with this member may keep their pause.
                if isPaused { consumer.setPaused(false) }
                isPaused = false
            }
            switch polled {
            case .message(let message):
                let place = queue.progress.noteRead(
                    RecordPosition(partition: message.partition, offset: message.offset))
                overflow.append(WorkItem(content: content(message), place: place))
            case .end(let partition, let offset): queue.progress.noteEnd(partition, offset)
            case .failure(let error): note(error)
            case .nothing: break
            }
            handOver()
            commitIfDue()
            measureLagIfDue()
        }
        nextCommit = .now
        commitIfDue()
        consumer.close()
    }

    private func content(_ message: KafkaMessage) -> WorkItem.Content {
        do throws(CloudEvent.Malformed) {
            let event = try CloudEvent(message)
            return Heartbeat(event) == nil ? .event(event) : .heartbeat
        } catch {
            return .malformed(message, reason: "not a CloudEvent: \(error)")
        }
    }

    /// Nothing is thrown away when too much waits: reading pauses, while the group still hears of this member.
    private func handOver() {
        while let first = overflow.first, queue.channel.trySend(first) { overflow.removeFirst() }
        if overflow.isEmpty, isPaused {
            consumer.setPaused(false)
            isPaused = false
        } else if !overflow.isEmpty, !isPaused {
            consumer.setPaused(true)
            isPaused = true
        }
    }

    private func commitIfDue() {
        guard nextCommit <= .now else { return }
        nextCommit = .now + queue.options.commitEvery
        let offsets = queue.progress.takeUncommitted()
        guard !offsets.isEmpty else { return }
        do throws(KafkaError) {
            try consumer.commit(offsets)
        } catch {
            queue.progress.restore(offsets)
            note(error)
        }
    }

    /// A fetch tells where its partition ends; while reading pauses the broker has to be asked.
    private func measureLagIfDue() {
        guard nextCount <= .now else { return }
        nextCount = .now + .seconds(1)
        let patience: Duration = .milliseconds(500)
        let unknown = queue.progress.unknownPartitions
        if !unknown.isEmpty, let starts = try? consumer.committed(of: unknown, timeout: patience) {
            queue.progress.noteStarts(starts)
        }
        queue.progress.measureLag { partition in
            guard isPaused else { return consumer.knownEnd(of: partition) }
            return (try? consumer.handle.watermarks(partition, timeout: patience))?.high
                ?? consumer.knownEnd(of: partition)
        }
    }

    private func note(_ error: KafkaError) {
        let text = "\(error)"
        queue.progress.count {
            $0.errors += 1
            $0.lastError = text
        }
        queue.logger.debug("reading the queue", metadata: ["error": "\(text)"])
    }
}
