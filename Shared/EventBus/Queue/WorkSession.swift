import Logging

/// What a work queue does on its thread: reads, commits what was handled, and pauses when too much waits.
final class WorkSession {
    private let queue: WorkQueue
    private let consumer: KafkaConsumer
    private var overflow: [WorkItem] = []
    private var isPaused = false
    private var nextCommit = ContinuousClock.now

    init(queue: WorkQueue, consumer: KafkaConsumer) {
        self.queue = queue
        self.consumer = consumer
    }

    func run(until stop: StopFlag) {
        while !stop.isSet {
            let rebalances = queue.progress.statistics.rebalances
            let polled = consumer.poll(overflow.isEmpty ? .milliseconds(50) : .milliseconds(5))
            if queue.progress.statistics.rebalances != rebalances {
                overflow = []
                isPaused = false
            }
            switch polled {
            case .message(let message):
                queue.progress.noteRead(RecordPosition(partition: message.partition, offset: message.offset))
                overflow.append(item(message))
            case .failure(let error): note(error)
            case .end, .nothing: break
            }
            handOver()
            commitIfDue()
        }
        nextCommit = .now
        commitIfDue()
        consumer.close()
    }

    private func item(_ message: KafkaMessage) -> WorkItem {
        do throws(CloudEvent.Malformed) {
            return .event(try CloudEvent(message))
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
        queue.progress.measureLag { consumer.knownEnd(of: $0) }
        let offsets = queue.progress.takeUncommitted()
        guard !offsets.isEmpty else { return }
        do throws(KafkaError) {
            try consumer.commit(offsets)
        } catch {
            queue.progress.restore(offsets)
            note(error)
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
