/// What waits to be handled.
enum WorkItem: Sendable {
    case event(CloudEvent)
    /// A record that is no event.
    case malformed(KafkaMessage, reason: String)

    var position: RecordPosition {
        switch self {
        case .event(let event):
            RecordPosition(
                partition: TopicPartition(topic: event.topic, partition: event.partition), offset: event.offset)
        case .malformed(let message, _):
            RecordPosition(partition: message.partition, offset: message.offset)
        }
    }
}

/// The events of a work queue. Asking for the next one says that the one before was handled.
package struct WorkEvents: AsyncSequence, Sendable {
    package typealias Element = CloudEvent
    private let queue: WorkQueue

    init(_ queue: WorkQueue) { self.queue = queue }

    package func makeAsyncIterator() -> Iterator { Iterator(queue) }

    package final class Iterator: AsyncIteratorProtocol {
        private let queue: WorkQueue
        private let stop = StopFlag()
        private let reading: Task<Void, any Error>
        private var current: CloudEvent?

        init(_ queue: WorkQueue) {
            self.queue = queue
            let stop = stop
            reading = Task {
                defer { queue.channel.finish() }
                try await queue.read(until: stop)
            }
        }

        deinit {
            stop.set()
            queue.channel.finish()
        }

        /// nil when the task is cancelled; the group has been left by then.
        /// - Throws: `KafkaError.configuration` when librdkafka does not take the settings.
        package func next() async throws -> CloudEvent? {
            if let current { queue.progress.finish(current) }
            current = nil
            while let item = await queue.channel.next() {
                switch item {
                case .event(let event):
                    if queue.progress.isRepeat(event) {
                        queue.progress.count { $0.repeats += 1 }
                        queue.progress.finish(item.position)
                        continue
                    }
                    current = event
                    return event
                case .malformed(let message, let reason):
                    try await queue.setAside(message, reason: reason)
                    queue.progress.finish(item.position)
                }
            }
            stop.set()
            try await reading.value
            return nil
        }
    }
}
