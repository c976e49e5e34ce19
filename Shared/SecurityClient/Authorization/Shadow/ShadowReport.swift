/// What another set of policies would have decided otherwise than the active one did. A value of bounded size.
package struct ShadowReport: Sendable {
    /// Differences that are told apart.
    package static let maximumKinds = 1_000
    /// Of a report as JSON.
    package static let maximumBytes = 8 << 20
    /// Policies of each side that are named.
    package static let maximumPolicies = 16

    /// Which sets are compared. A report is about one pair.
    package struct Pair: Sendable, Hashable {
        package let activeSequence: Int64
        package let activeVersion: Int64
        package let shadowVersion: Int64

        package init(activeSequence: Int64, activeVersion: Int64, shadowVersion: Int64) {
            self.activeSequence = activeSequence
            self.activeVersion = activeVersion
            self.shadowVersion = shadowVersion
        }
    }

    package enum Answer: String, Sendable {
        case allow, deny, unavailable

        package init(_ outcome: AuthorizationDecision.Outcome) {
            switch outcome {
            case .allowed: self = .allow
            case .denied: self = .deny
            case .unavailable: self = .unavailable
            }
        }
    }

    /// What makes differences the same one.
    package struct Kind: Sendable, Hashable {
        var action: String
        var principalType: String
        var resourceType: String
        var active: Answer
        var shadow: Answer
        var activePolicies: [String]
        var shadowPolicies: [String]

        package init(
            action: String, principalType: String, resourceType: String, active: Answer, shadow: Answer,
            activePolicies: [String], shadowPolicies: [String]
        ) {
            self.action = action
            self.principalType = principalType
            self.resourceType = resourceType
            self.active = active
            self.shadow = shadow
            self.activePolicies = activePolicies
            self.shadowPolicies = shadowPolicies
        }
    }

    /// One case of a difference.
    package struct Sample: Sendable, Hashable {
        var principal: String
        var resource: String
        /// Milliseconds since the epoch.
        var at: Int64

        package init(principal: String, resource: String, at: Int64) {
            self.principal = principal
            self.resource = resource
            self.at = at
        }
    }

    struct Tally: Sendable {
        var count: UInt64
        let sample: Sample
        var last: Int64
    }

    package let pair: Pair
    /// Milliseconds since the epoch.
    package private(set) var since: Int64
    package private(set) var same: UInt64 = 0
    package private(set) var different: UInt64 = 0
    /// Evaluations in which a policy of the shadow set could not be evaluated, whatever came of it.
    package private(set) var errors: UInt64 = 0
    /// Decisions that were not evaluated, as there were too many.
    package private(set) var skipped: UInt64 = 0
    /// Differences of kinds that are not listed, as there are too many.
    package private(set) var leftOut: UInt64 = 0
    private(set) var tallies: [Kind: Tally] = [:]

    package init(_ pair: Pair, since: Int64) {
        self.pair = pair
        self.since = since
    }

    package var kinds: Int { tallies.count }

    package mutating func addSame(withErrors: Bool) {
        same += 1
        if withErrors { errors += 1 }
    }

    package mutating func add(_ kind: Kind, _ sample: Sample, withErrors: Bool) {
        different += 1
        if withErrors { errors += 1 }
        if tallies[kind] != nil {
            tallies[kind]?.count += 1
            tallies[kind]?.last = sample.at
        } else if tallies.count < ShadowReport.maximumKinds {
            tallies[kind] = Tally(count: 1, sample: sample, last: sample.at)
        } else {
            leftOut += 1
        }
    }

    /// What was read.
    mutating func set(
        same: UInt64, different: UInt64, errors: UInt64, skipped: UInt64, leftOut: UInt64, _ tallies: [Kind: Tally]
    ) {
        self.same = same
        self.different = different
        self.errors = errors
        self.skipped = skipped
        self.leftOut = leftOut
        self.tallies = tallies
    }

    package mutating func skip(_ count: Int) { skipped += UInt64(count) }

    /// Adds what somebody else found about the same pair.
    package mutating func add(_ other: ShadowReport) {
        guard other.pair == pair else { return }
        since = min(since, other.since)
        same &+= other.same
        different &+= other.different
        errors &+= other.errors
        skipped &+= other.skipped
        leftOut &+= other.leftOut
        for (kind, tally) in other.tallies {
            if let known = tallies[kind] {
                tallies[kind] = Tally(
                    count: known.count &+ tally.count,
                    sample: known.sample.at <= tally.sample.at ? known.sample : tally.sample,
                    last: max(known.last, tally.last))
            } else if tallies.count < ShadowReport.maximumKinds {
                tallies[kind] = tally
            } else {
                leftOut &+= tally.count
            }
        }
    }
}
