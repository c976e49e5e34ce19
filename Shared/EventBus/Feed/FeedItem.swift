/// What a feed tells its reader.
package enum FeedItem: Sendable {
    /// An event that was not told before.
    case event(CloudEvent)
    case heartbeat(Heartbeat)
    /// Events that surely were published and are not there, also not after reading everything again. What they said
    /// has to be found out some other way.
    case gap(FeedGap)
    /// Everything that was there when reading began has been told.
    case caughtUp
}

package struct FeedGap: Sendable, Hashable {
    package let source: String
    package let sequences: ClosedRange<Int64>

    package init(source: String, sequences: ClosedRange<Int64>) {
        self.source = source
        self.sequences = sequences
    }
}

/// What a feed's reader has seen, for metrics.
package struct FeedStatistics: Sendable, Equatable {
    package var events = 0
    package var heartbeats = 0
    /// Events that were told before, dropped.
    package var repeats = 0
    package var gaps = 0
    /// Records that are no CloudEvents, dropped.
    package var malformed = 0
    /// How often everything was read again because something was missing.
    package var rereads = 0
    package var errors = 0
    package var lastError: String?

    package init() {}
}
