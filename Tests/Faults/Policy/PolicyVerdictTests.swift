import Testing

@Suite("Verdict over decisions by policy")
struct PolicyVerdictTests {
    private static let bound = Duration.seconds(3)
    private static let activated: [Int64: Int64] = [1: 1, 2: 2, 3: 3]

    private func record(
        _ decisions: [PolicyRecord.Decision], _ turns: [PolicyRecord.Turn] = []
    ) -> PolicyRecord {
        var record = PolicyRecord()
        record.decisions = decisions
        record.turns = turns
        record.marks = [2: "b", 3: "c"]
        record.activations = [
            .init(sentAt: .seconds(1), result: (2, .seconds(2))),
            .init(sentAt: .seconds(10), result: (3, .seconds(11))),
        ]
        return record
    }

    private func decision(
        at seconds: Double, _ sequence: Int64, _ mark: String, isAllowed: Bool = true, client: Int = 0,
        entities: Int64? = nil
    ) -> PolicyRecord.Decision {
        .init(
            client: client, askedAt: .seconds(seconds), answeredAt: .seconds(seconds), desk: "north",
            outcome: isAllowed ? .allowed : .denied, policies: PolicyVerdict.expected(mark, isAllowed: isAllowed),
            version: sequence, sequence: sequence, entitySequence: entities)
    }

    private func violations(_ record: PolicyRecord) -> [PolicyVerdict.Violation] {
        PolicyVerdict.violations(in: record, activated: Self.activated, bound: Self.bound)
    }

    @Test("Old and new are both fine around an activation")
    func clean() {
        let decisions = [
            decision(at: 3, 2, "b"), decision(at: 10.5, 2, "b"), decision(at: 10.5, 3, "c", client: 1),
            decision(at: 13.9, 2, "b"), decision(at: 20, 3, "c"),
        ]
        #expect(violations(record(decisions)) == [])
    }

    @Test("A mix, a policy too few and one too many are found")
    func mixes() {
        var some = [decision(at: 3, 2, "b"), decision(at: 3, 2, "b"), decision(at: 3, 2, "b"), decision(at: 3, 2, "c")]
        some[0].policies.remove("permit-0-b")
        some[1].policies.insert("permit-0-c")
        some[2].policies = ["pair-torn"]
        #expect(violations(record(some)).count == 4)
    }

    @Test("What was replaced longer ago than the bound is found, and what was not activated yet")
    func ages() {
        #expect(
            violations(record([decision(at: 14.5, 2, "b")])) == [
                .tooOld(client: 0, sequence: 2, by: .seconds(0.5))
            ])
        #expect(violations(record([decision(at: 9, 3, "c")])) == [.early(client: 0, sequence: 3)])
    }

    @Test("An activation without an answer binds nobody, and the next one does")
    func unanswered() {
        var record = record([decision(at: 9, 3, "c"), decision(at: 30, 2, "b", client: 1)])
        record.activations[1] = .init(sentAt: .seconds(8), result: nil)
        #expect(violations(record) == [])
        record.activations.append(.init(sentAt: .seconds(12), result: (4, .seconds(13))))
        #expect(
            PolicyVerdict.violations(in: record, activated: Self.activated.merging([4: 4]) { $1 }, bound: Self.bound)
                == [.tooOld(client: 1, sequence: 2, by: .seconds(14))])
    }

    @Test("A number that stands for another version is found")
    func otherVersion() {
        var wrong = decision(at: 12, 3, "b")
        wrong.version = 2
        #expect(violations(record([wrong])) == [.otherVersion(client: 0, sequence: 3, version: 2)])
    }

    @Test("Who goes back is found; another life may begin with what was on disk")
    func back() {
        var restarted = decision(at: 12, 2, "b", client: 1, entities: 4)
        restarted.life = 1
        let decisions = [
            decision(at: 11.5, 3, "c", entities: 5), decision(at: 12, 2, "b", entities: 4),
            decision(at: 11.5, 3, "c", client: 1, entities: 5), restarted,
        ]
        #expect(
            violations(record(decisions)) == [
                .wentBack(client: 0, from: 3, to: 2), .wentBack(client: 0, from: 5, to: 4),
            ])
    }

    @Test("A halt that is not known after the bound is found, and one that is still believed in")
    func halts() {
        let turns = [
            PolicyRecord.Turn(desk: "north", isHalted: true, sentAt: .seconds(3), answeredAt: .seconds(4)),
            PolicyRecord.Turn(desk: "north", isHalted: false, sentAt: .seconds(20), answeredAt: .seconds(21)),
        ]
        let fine = [
            decision(at: 3.5, 2, "b"), decision(at: 3.5, 2, "b", isAllowed: false), decision(at: 6.9, 2, "b"),
            decision(at: 12, 3, "c", isAllowed: false), decision(at: 20.5, 3, "c"),
            decision(at: 23, 3, "c", isAllowed: false), decision(at: 30, 3, "c"),
        ]
        #expect(violations(record(fine, turns)) == [])
        let wrong = [
            decision(at: 2.5, 2, "b", isAllowed: false), decision(at: 8, 2, "b"),
            decision(at: 25, 3, "c", isAllowed: false),
        ]
        #expect(violations(record(wrong, turns)).count == 3)
    }

    @Test("An activation that was answered and is nowhere is found, and a number that is missing")
    func lost() {
        #expect(
            PolicyVerdict.violations(in: record([]), activated: [1: 1, 3: 3], bound: Self.bound)
                == [.lost(sequence: 2)])
        #expect(
            PolicyVerdict.violations(in: record([]), activated: [1: 1, 2: 2], bound: Self.bound)
                == [.lost(sequence: 3)])
    }
}
