/// What a record says about the promises of the system. Pure: the same record gives the same verdict.
enum Verdict {
    enum Violation: Sendable, Hashable {
        /// One refresh token gave different successors.
        case differentSuccessors(presented: String, successors: [String])
        /// A token of an ended session was taken, in a request sent so long after the end had been answered.
        case acceptedAfterEnd(session: String, by: Verifier, after: Duration)
        /// An answer that no fault excuses.
        case unexpectedAnswer(client: Int, act: Act, status: Int)
        /// A client that did not get through a whole round after everything was back.
        case neverRecovered(client: Int)
    }

    /// - Parameters:
    ///   - bound: for how long an ended session may still be accepted.
    ///   - recoveredAt: when the last fault was over; nil when recovery is not judged.
    static func violations(
        in record: Record, bound: Duration, clients: Int, recoveredAt: Duration? = nil
    ) -> [Violation] {
        var violations = differentSuccessors(in: record) + lateAcceptances(in: record, bound: bound)
        for entry in record.entries {
            if case .unexpected(let act, let status) = entry.happening {
                violations.append(.unexpectedAnswer(client: entry.client, act: act, status: status))
            }
        }
        if let recoveredAt {
            let recovered = record.clientsWithRound(begunAfter: recoveredAt)
            violations += (0..<clients).filter { !recovered.contains($0) }.map { .neverRecovered(client: $0) }
        }
        return violations
    }

    private static func differentSuccessors(in record: Record) -> [Violation] {
        var successors: [String: Set<String>] = [:]
        for entry in record.entries {
            guard case .refreshed(_, let presented, let successor) = entry.happening else { continue }
            successors[presented, default: []].insert(successor)
        }
        return successors.filter { $0.value.count > 1 }.sorted { $0.key < $1.key }
            .map { .differentSuccessors(presented: $0.key, successors: $0.value.sorted()) }
    }

    private static func lateAcceptances(in record: Record, bound: Duration) -> [Violation] {
        let ends = record.ends
        return record.entries.compactMap { entry in
            guard case .accepted(let session, let verifier) = entry.happening, let end = ends[session],
                entry.sentAt > end + bound
            else { return nil }
            return .acceptedAfterEnd(session: session, by: verifier, after: entry.sentAt - end)
        }
    }
}
