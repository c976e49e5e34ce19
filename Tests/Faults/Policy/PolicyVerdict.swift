/// What a record says of the promises about policies. Pure: the same record gives the same verdict.
enum PolicyVerdict {
    enum Violation: Sendable, Hashable {
        /// What decided is not all of one set, and of nothing else.
        case mix(client: Int, version: Int64?, policies: [String])
        /// A number that SQL gives to another version.
        case otherVersion(client: Int, sequence: Int64, version: Int64?)
        /// Decided by a set that was certainly replaced longer ago than the bound.
        case tooOld(client: Int, sequence: Int64, by: Duration)
        /// Decided by a set that nobody had asked to be activated yet.
        case early(client: Int, sequence: Int64)
        /// A decider went back to an older set, or to older entities.
        case wentBack(client: Int, from: Int64, to: Int64)
        /// A kill switch was turned longer ago than the bound, and the decision knows nothing of it.
        case otherHalt(client: Int, desk: String, decidedAsHalted: Bool, at: Duration)
        /// An activation that was answered and is not in SQL, or the other way round.
        case lost(sequence: Int64)
    }

    /// - Parameters:
    ///   - activated: from SQL: the versions by the numbers of their activations.
    ///   - bound: for how long a decision may go on by what was replaced.
    static func violations(
        in record: PolicyRecord, activated: [Int64: Int64], bound: Duration
    ) -> [Violation] {
        let decided = record.decisions.filter { $0.outcome != .unavailable }
        return lost(record, activated) + order(record.decisions)
            + decided.flatMap { whole($0, record.marks, activated) }
            + ages(decided, record.activations, bound)
            + halts(decided, record.turns, bound)
    }

    // MARK: One whole set

    /// Policies of every file decide everything that is asked: what decided has to be all of them.
    static func expected(_ mark: String, isAllowed: Bool) -> Set<String> {
        var ids = Set((0..<PolicyMarks.files).map { "\(isAllowed ? "permit" : "forbid")-\($0)-\(mark)" })
        if !isAllowed { ids.insert("desk-halted") }
        return ids
    }

    private static func whole(
        _ decision: PolicyRecord.Decision, _ marks: [Int64: String], _ activated: [Int64: Int64]
    ) -> [Violation] {
        guard let sequence = decision.sequence, let version = decision.version, let mark = marks[version],
            expected(mark, isAllowed: decision.outcome == .allowed) == decision.policies
        else {
            return [
                .mix(client: decision.client, version: decision.version, policies: decision.policies.sorted())
            ]
        }
        guard activated[sequence] == version else {
            return [.otherVersion(client: decision.client, sequence: sequence, version: version)]
        }
        return []
    }

    // MARK: Never back

    private static func order(_ decisions: [PolicyRecord.Decision]) -> [Violation] {
        struct Life: Hashable { let client, number: Int }
        var violations: [Violation] = []
        var last: [Life: (policies: Int64, entities: Int64)] = [:]
        for decision in decisions {
            let life = Life(client: decision.client, number: decision.life)
            let before = last[life] ?? (-1, -1)
            let policies = decision.sequence ?? before.policies
            let entities = decision.entitySequence ?? before.entities
            if policies < before.policies {
                violations.append(.wentBack(client: decision.client, from: before.policies, to: policies))
            }
            if entities < before.entities {
                violations.append(.wentBack(client: decision.client, from: before.entities, to: entities))
            }
            last[life] = (policies, entities)
        }
        return violations
    }

    // MARK: Never too old

    /// From when to when a set may have been the active one.
    private static func ages(
        _ decisions: [PolicyRecord.Decision], _ activations: [PolicyRecord.Activation], _ bound: Duration
    ) -> [Violation] {
        decisions.compactMap { decision in
            guard let sequence = decision.sequence else { return nil }
            // Before it was asked for it cannot have been; what was asked for and has no answer may have been any.
            let known = activations.lastIndex { ($0.result?.sequence ?? .max) < sequence }
            let first = activations.dropFirst(known.map { $0 + 1 } ?? 0).first
            if let first, known != nil, first.sentAt > decision.answeredAt {
                return .early(client: decision.client, sequence: sequence)
            }
            let replaced = activations.lazy.compactMap(\.result).first { $0.sequence > sequence }
            guard let replaced, replaced.answeredAt < decision.askedAt - bound else { return nil }
            return .tooOld(
                client: decision.client, sequence: sequence, by: decision.askedAt - bound - replaced.answeredAt)
        }
    }

    private static func halts(
        _ decisions: [PolicyRecord.Decision], _ turns: [PolicyRecord.Turn], _ bound: Duration
    ) -> [Violation] {
        let turnsOf = Dictionary(grouping: turns, by: \.desk)
        return decisions.compactMap { decision in
            let isHalted = decision.outcome == .denied
            let list = turnsOf[decision.desk] ?? []
            // Nothing is halted at first.
            var states: [(isHalted: Bool, from: Duration, to: Duration?)] = [(false, .zero, list.first?.answeredAt)]
            for (index, turn) in list.enumerated() {
                let next = index + 1 < list.count ? list[index + 1].answeredAt : nil
                states.append((turn.isHalted, turn.sentAt, next))
            }
            let mayBe = states.contains {
                $0.isHalted == isHalted && $0.from <= decision.answeredAt
                    && ($0.to.map { $0 >= decision.askedAt - bound } ?? true)
            }
            return mayBe
                ? nil
                : .otherHalt(
                    client: decision.client, desk: decision.desk, decidedAsHalted: isHalted, at: decision.askedAt)
        }
    }

    // MARK: Nothing lost

    private static func lost(_ record: PolicyRecord, _ activated: [Int64: Int64]) -> [Violation] {
        let answered = record.activations.compactMap { $0.result?.sequence }
        let missing = Set(answered).subtracting(activated.keys)
        // Numbers rise by one, each given once.
        let gaps = Set(1...max(1, activated.keys.max() ?? 1)).subtracting(activated.keys)
        return missing.union(gaps).sorted().map { .lost(sequence: $0) }
    }
}
