/// What waits to be handled.
struct WorkItem: Sendable {
    enum Content: Sendable {
        case event(CloudEvent)
        /// A sign of life of an outbox, which is nobody's work.
        case heartbeat
        /// A record that is no event.
        case malformed(KafkaMessage, reason: String)
    }

    let content: Content
    let place: WorkPlace
}

/// Where a record stood, and under which assignment of partitions it was read: what an older one brought says nothing
/// of how far the work has come under the present one.
struct WorkPlace: Sendable, Hashable {
    let position: RecordPosition
    let generation: Int
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
        private var current: (event: CloudEvent, place: WorkPlace)?

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
            if let current { queue.progress.finish(current.event, current.place) }
            current = nil
            while let item = await queue.channel.next() {
                switch item.content {
                case .event(let event):
                    if queue.progress.isRepeat(event) {
                        queue.progress.count { $0.repeats += 1 }
                        queue.progress.finish(item.place)
                        continue
                    }
                    current = (event, item.place)
                    return event
                case .heartbeat:
                    queue.progress.finish(item.place)
                case .malformed(let message, let reason):
                    try await queue.setAside(message, reason: reason)
                    queue.progress.finish(item.place)
                }
            }
            stop.set()
            try await reading.value
            return nil
        }
    }
}
