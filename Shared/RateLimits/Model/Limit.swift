/// How often something may be done: which requests it concerns, who counts as one, how much in which time.
package struct Limit: Sendable, Hashable {
    /// Unique in its set; lower-case letters, digits and hyphens. Stands in the header fields.
    package var name: String
    /// All must hold for the limit to apply.
    package var match: [Condition]
    /// If any of these holds, the limit does not apply: what has capacity of its own.
    package var except: [Condition]
    /// Descriptors whose values together have one counter. A request without one of them is not counted here.
    package var per: [String]
    package var quantity: Int64
    package var algorithm: LimitAlgorithm
    package var cost: CostRule
    /// How much of an address makes the key.
    package var addressPrefix: AddressPrefixLengths
    package var unavailable: UnavailableRule
    package var shares: LimitShares?
    /// Counted and reported, never refusing.
    package var shadow: Bool
    package var problem: LimitProblem

    package init(
        name: String, match: [Condition] = [], except: [Condition] = [], per: [String] = [], quantity: Int64,
        algorithm: LimitAlgorithm, cost: CostRule = .request, addressPrefix: AddressPrefixLengths = .standard,
        unavailable: UnavailableRule = .local, shares: LimitShares? = nil, shadow: Bool = false,
        problem: LimitProblem = .quotaExceeded
    ) {
        self.name = name
        self.match = match
        self.except = except
        self.per = per
        self.quantity = quantity
        self.algorithm = algorithm
        self.cost = cost
        self.addressPrefix = addressPrefix
        self.unavailable = unavailable
        self.shares = shares
        self.shadow = shadow
        self.problem = problem
    }
}

/// How a limit counts, and over which time. Spans are milliseconds.
package enum LimitAlgorithm: Sendable, Hashable {
    /// Sliding, in 50 sub-windows: never over in any window, and refuses at most what an exact window 2 % longer would.
    case window(span: Int64)
    /// Sliding, by a log of every request.
    case exact(span: Int64)
    /// The generic cell rate algorithm: `quantity` a span on average, `burst` at once; so at most both in any span.
    case bucket(span: Int64, burst: Int64)
    /// A quota of the UTC day or month.
    case calendar(CalendarPeriod)
    /// Permits held at the same time, each given up after `expiry` when its holder says nothing.
    case concurrency(expiry: Int64)

    /// The word that stands in a document.
    package var name: String {
        switch self {
        case .window: "window"
        case .exact: "exact"
        case .bucket: "bucket"
        case .calendar: "calendar"
        case .concurrency: "concurrency"
        }
    }

    /// The window in milliseconds; nil for a calendar's and for permits held at the same time.
    package var span: Int64? {
        switch self {
        case .window(let span), .exact(let span), .bucket(let span, _): span
        case .calendar, .concurrency: nil
        }
    }
}

package enum CalendarPeriod: String, Sendable, Hashable, CaseIterable {
    case day, month
}

/// What a request counts under a limit.
package enum CostRule: String, Sendable, Hashable, CaseIterable {
    /// The cost that the request states.
    case request
    /// One, whatever the request states.
    case one
}

/// Bits of an address that count as one caller.
package struct AddressPrefixLengths: Sendable, Hashable {
    package var v4: Int
    package var v6: Int

    package init(v4: Int, v6: Int) {
        self.v4 = v4
        self.v6 = v6
    }

    /// One IPv4 address; the /64 that one subscriber of IPv6 has at least.
    package static let standard = AddressPrefixLengths(v4: 32, v6: 64)
}

/// What a limit does while the shared counters cannot be reached.
package enum UnavailableRule: Sendable, Hashable {
    /// Lets through, in each replica, up to a budget a window.
    case open(budget: Int64)
    /// Refuses.
    case closed
    /// Each replica counts by itself against its part of the quantity.
    case local
}

/// The problem type of a refusal (draft-ietf-httpapi-ratelimit-headers, section "Problem Types").
package enum LimitProblem: String, Sendable, Hashable, CaseIterable {
    case quotaExceeded = "quota-exceeded"
    case temporaryReducedCapacity = "temporary-reduced-capacity"
    case abnormalUsageDetected = "abnormal-usage-detected"

    package var type: String { "https://iana.org/assignments/http-problem-types#\(rawValue)" }
}
