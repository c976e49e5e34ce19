import NIOCore

/// The commands of one connection that have no answer yet, oldest first: Redis answers in order.
///
/// A value without a network, so that its rules can be tested by themselves.
struct CommandPipeline<Completion> {
    enum Phase: Equatable {
        case open
        /// Takes no more commands and ends with the last answer.
        case draining
        case closed
    }

    enum ReplyAction {
        case complete(Completion)
        /// It was the last one that a draining connection waited for.
        case completeAndClose(Completion)
        /// Nobody asked: from here on answers and commands would be out of step.
        case unsolicited
    }

    private struct Entry {
        let completion: Completion
        let deadline: NIODeadline
    }

    private(set) var phase = Phase.open
    private var entries: CircularBuffer<Entry> = CircularBuffer(initialCapacity: 64)
    /// How many of the youngest have not been handed to the channel.
    private var unsent = 0

    /// Commands that have left and are not answered.
    var sentCount: Int { entries.count - unsent }
    /// When the oldest one is overdue.
    var nextDeadline: NIODeadline? { entries.first?.deadline }

    mutating func append(_ completion: Completion, deadline: NIODeadline) {
        entries.append(Entry(completion: completion, deadline: deadline))
        unsent += 1
    }

    /// All commands have been handed to the channel.
    mutating func flushed() { unsent = 0 }

    mutating func replied() -> ReplyAction {
        guard sentCount > 0, let entry = entries.popFirst() else { return .unsolicited }
        return phase == .draining && entries.isEmpty ? .completeAndClose(entry.completion) : .complete(entry.completion)
    }

    /// Takes no more commands.
    /// - Returns: whether there is nothing to wait for.
    mutating func drain() -> Bool {
        if phase == .open { phase = .draining }
        return entries.isEmpty
    }

    /// The connection is over.
    /// - Returns: commands that may have been executed, and commands that have not left.
    mutating func close() -> (outcomeUnknown: [Completion], notSent: [Completion]) {
        phase = .closed
        let sent = sentCount
        defer {
            entries.removeAll()
            unsent = 0
        }
        return (entries.prefix(sent).map(\.completion), entries.dropFirst(sent).map(\.completion))
    }
}
