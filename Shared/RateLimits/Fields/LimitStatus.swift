/// How a limit stands after a decision: what the header fields and the answer of a check tell.
package struct LimitStatus: Sendable, Hashable {
    package var name: String
    /// Of the counter that decided: with shares, the part.
    package var quantity: Int64
    /// Seconds; nil where there is no whole number of them, or no window.
    package var window: Int64?
    package var unit: QuotaUnit
    /// What is let through at once, where that is not the quantity.
    package var burst: Int64?
    package var outcome: Outcome
    /// Who or what is counted, not to be read by others; nil where all are counted together.
    package var partition: PartitionKey?
    package var problem: LimitProblem

    package init(
        name: String, quantity: Int64, window: Int64? = nil, unit: QuotaUnit = .requests, burst: Int64? = nil,
        outcome: Outcome, partition: PartitionKey? = nil, problem: LimitProblem = .quotaExceeded
    ) {
        self.name = name
        self.quantity = quantity
        self.window = window
        self.unit = unit
        self.burst = burst
        self.outcome = outcome
        self.partition = partition
        self.problem = problem
    }

    /// What a counter of a limit said.
    package init(_ applied: AppliedLimit, counter: LimitCounter? = nil, outcome: Outcome) {
        let limit = applied.limit
        self.init(
            name: limit.name, quantity: (counter ?? applied.counter).quantity, window: limit.algorithm.fieldWindow,
            unit: limit.algorithm.unit, burst: limit.algorithm.burst, outcome: outcome,
            partition: PartitionKey(applied), problem: limit.problem)
    }
}

/// The quota units of draft-ietf-httpapi-ratelimit-headers, section "Quota Unit Parameter".
package enum QuotaUnit: String, Sendable, Hashable {
    case requests
    case contentBytes = "content-bytes"
    case concurrentRequests = "concurrent-requests"
}

extension LimitAlgorithm {
    /// The window of a header field: whole seconds, as the draft has no others. A month has no fixed length.
    var fieldWindow: Int64? {
        switch self {
        case .window(let span), .exact(let span), .bucket(let span, _): span % 1000 == 0 ? span / 1000 : nil
        case .calendar(.day): 86_400
        case .calendar(.month), .concurrency: nil
        }
    }

    var unit: QuotaUnit { if case .concurrency = self { .concurrentRequests } else { .requests } }

    var burst: Int64? { if case .bucket(_, let burst) = self { burst } else { nil } }
}
