/// What is judged of an event: its number, and what it tells of.
struct EventTrace: Sendable, Hashable {
    var topic: String
    /// `ce_source`.
    var source: String
    /// `ce_sequence`.
    var sequence: Int64
    /// `ce_id`.
    var id: String
    /// `ce_type`.
    var type: String
    /// The session that it names.
    var session: String?
}

/// What the topics say about the promise that no committed event is lost.
enum EventVerdict {
    enum Violation: Sendable, Hashable {
        /// Numbers of a source that no event has.
        case gap(source: String, missing: [Int64])
        /// One number of a source stands for different events.
        case twoEvents(source: String, sequence: Int64, ids: [String])
        /// An event that was committed and is on no topic.
        case lost(id: String)
        /// A session whose end was answered, and no event tells of it on this topic.
        case untoldEnd(session: String, topic: String)
        /// A session whose start was answered, and no event tells of it.
        case untoldStart(session: String)
    }

    /// - Parameters:
    ///   - traces: all events on the topics, repeats too.
    ///   - committed: ids of the events that were committed in SQL.
    ///   - ended: sessions whose end was answered.
    ///   - started: sessions whose start was answered, without those that a Redis killed right then may have lost.
    static func violations(
        in traces: [EventTrace], committed: Set<String> = [], ended: Set<String> = [], started: Set<String> = []
    ) -> [Violation] {
        numbering(of: traces) + committed.subtracting(traces.map(\.id)).sorted().map { .lost(id: $0) }
            + untoldEnds(ended, traces) + untoldStarts(started, traces)
    }

    private static func numbering(of traces: [EventTrace]) -> [Violation] {
        var violations: [Violation] = []
        for (source, list) in Dictionary(grouping: traces, by: \.source).sorted(by: { $0.key < $1.key }) {
            let numbered = Dictionary(grouping: list, by: \.sequence)
            let missing = (1...max(1, numbered.keys.max() ?? 1)).filter { numbered[$0] == nil }
            if !missing.isEmpty { violations.append(.gap(source: source, missing: missing)) }
            for (sequence, same) in numbered.sorted(by: { $0.key < $1.key }) {
                let ids = Set(same.map(\.id))
                guard ids.count > 1 else { continue }
                violations.append(.twoEvents(source: source, sequence: sequence, ids: ids.sorted()))
            }
        }
        return violations
    }

    private static func untoldEnds(_ ended: Set<String>, _ traces: [EventTrace]) -> [Violation] {
        let types = [
            "security.session-revoked": "org.jts.security.session-revoked",
            "security.events": "org.jts.security.session-ended",
        ]
        return types.sorted { $0.key < $1.key }.flatMap { topic, type in
            let told = Set(traces.filter { $0.topic == topic && $0.type == type }.compactMap(\.session))
            return ended.subtracting(told).sorted().map { Violation.untoldEnd(session: $0, topic: topic) }
        }
    }

    private static func untoldStarts(_ started: Set<String>, _ traces: [EventTrace]) -> [Violation] {
        let told = Set(traces.filter { $0.type == "org.jts.security.session-created" }.compactMap(\.session))
        return started.subtracting(told).sorted().map { .untoldStart(session: $0) }
    }
}
