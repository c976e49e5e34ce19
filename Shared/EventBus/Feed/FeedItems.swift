import Foundation
import Synchronization

/// A feed as a sequence, for one iteration.
package struct FeedItems: AsyncSequence, Sendable {
    package typealias Element = FeedItem
    private let reader: FeedReader
    private let buffer: Int

    init(_ reader: FeedReader, buffer: Int) {
        self.reader = reader
        self.buffer = buffer
    }

    package func makeAsyncIterator() -> Iterator { Iterator(reader, buffer: buffer) }

    package final class Iterator: AsyncIteratorProtocol {
        private let channel: BoundedChannel<FeedItem>
        private let reading: Task<Void, any Error>

        init(_ reader: FeedReader, buffer: Int) {
            let channel = BoundedChannel<FeedItem>(limit: buffer)
            self.channel = channel
            reading = Task {
                defer { channel.finish() }
                try await reader.run { channel.send($0) }
            }
        }

        deinit {
            // In this order, so that the reader takes no more than what it waits to hand over.
            reading.cancel()
            channel.finish()
        }

        /// nil when the task is cancelled.
        /// - Throws: what `FeedReader.run` throws.
        package func next() async throws -> FeedItem? {
            if let item = await channel.next() { return item }
            reading.cancel()
            if !Task.isCancelled { try await reading.value }
            return nil
        }
    }
}
