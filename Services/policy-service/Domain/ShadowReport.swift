import Contracts
import SecurityClient
import StrictJSON

/// What another set of policies would have decided otherwise than the active one did. A value of bounded size.
struct ShadowReport: Sendable {
    /// Differences that are told apart.
    static let maximumKinds = 1_000
    /// Policies of each side that are named.
    static let maximumPolicies = 16

    /// Which sets are compared. A report is about one pair.
    struct Pair: Sendable, Hashable {
        let activeSequence: Int64
        let activeVersion: Int64
        let shadowVersion: Int64
    }

    enum Answer: String, Sendable {
        case allow, deny, unavailable

        init(_ outcome: AuthorizationDecision.Outcome) {
            switch outcome {
            case .allowed: self = .allow
            case .denied: self = .deny
            case .unavailable: self = .unavailable
            }
        }
    }

    /// What makes differences the same one.
    struct Kind: Sendable, Hashable {
        var action: String
        var principalType: String
        var resourceType: String
        var active: Answer
        var shadow: Answer
        var activePolicies: [String]
        var shadowPolicies: [String]
    }

    /// One case of a difference.
    struct Sample: Sendable, Hashable {
        var principal: String
        var resource: String
        /// Milliseconds since the epoch.
        var at: Int64
    }

    private struct Tally: Sendable {
        var count: UInt64
        let sample: Sample
        var last: Int64
    }

    let pair: Pair
    /// Milliseconds since the epoch.
    let since: Int64
    private(set) var same: UInt64 = 0
    private(set) var different: UInt64 = 0
    /// Evaluations in which a policy of the shadow set could not be evaluated, whatever came of it.
    private(set) var errors: UInt64 = 0
    /// Decisions that were not evaluated, as there were too many.
    private(set) var skipped: UInt64 = 0
    /// Differences of kinds that are not listed, as there are too many.
    private(set) var leftOut: UInt64 = 0
    private var tallies: [Kind: Tally] = [:]

    init(_ pair: Pair, since: Int64) {
        self.pair = pair
        self.since = since
    }

    var kinds: Int { tallies.count }

    mutating func addSame(withErrors: Bool) {
        same += 1
        if withErrors { errors += 1 }
    }

    mutating func add(_ kind: Kind, _ sample: Sample, withErrors: Bool) {
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

    mutating func skip(_ count: Int) { skipped += UInt64(count) }

    /// The most frequent differences first.
    func json(replica: String) -> JSONValue {
        let listed = tallies.sorted { left, right in
            left.value.count == right.value.count
                ? left.value.sample.at < right.value.sample.at : left.value.count > right.value.count
        }
        return .object([
            "replica": .string(replica), "shadow_version": .int(pair.shadowVersion),
            "active_version": .int(pair.activeVersion), "active_sequence": .int(pair.activeSequence),
            "since": .string(RFC3339.string(milliseconds: since)), "same": .int(Int64(same)),
            "different": .int(Int64(different)), "errors": .int(Int64(errors)), "skipped": .int(Int64(skipped)),
            "kinds_left_out": .int(Int64(leftOut)),
            "differences": .array(listed.map { ShadowReport.json($0.key, $0.value) }),
        ])
    }

    private static func json(_ kind: Kind, _ tally: Tally) -> JSONValue {
        .object([
            "action": .string(kind.action), "principal_type": .string(kind.principalType),
            "resource_type": .string(kind.resourceType), "active": .string(kind.active.rawValue),
            "shadow": .string(kind.shadow.rawValue),
            "active_policies": .array(kind.activePolicies.map { .string($0) }),
            "shadow_policies": .array(kind.shadowPolicies.map { .string($0) }),
            "count": .int(Int64(tally.count)), "last_at": .string(RFC3339.string(milliseconds: tally.last)),
            "sample": .object([
                "principal": .string(tally.sample.principal), "resource": .string(tally.sample.resource),
                "at": .string(RFC3339.string(milliseconds: tally.sample.at)),
            ]),
        ])
    }
}
