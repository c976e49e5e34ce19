import Testing

/// That the verdict finds what it is there to find: made-up records, with and without violations.
@Suite("Verdict over a record")
struct VerdictTests {
    private func entry(_ client: Int = 0, at seconds: Double, _ happening: Happening) -> Entry {
        Entry(
            client: client, sentAt: .seconds(seconds), answeredAt: .seconds(seconds + 0.01), happening: happening)
    }

    private func violations(_ entries: [Entry], clients: Int = 1, recoveredAt: Duration? = nil) -> [Verdict.Violation] {
        Verdict.violations(
            in: Record(entries: entries), bound: .seconds(5), clients: clients, recoveredAt: recoveredAt)
    }

    @Test("A record in order has no violations")
    func clean() {
        let record = [
            entry(at: 0, .signedIn(session: "s")),
            entry(at: 1, .refreshed(session: "s", presented: "a", successor: "b")),
            entry(at: 2, .refreshed(session: "s", presented: "a", successor: "b")),
            entry(at: 3, .refreshed(session: "s", presented: "b", successor: "c")),
            entry(at: 4, .accepted(session: "s", by: .orderAPI)),
            entry(at: 5, .unavailable(.refresh)),
            entry(at: 6, .ended(session: "s")),
            entry(at: 7, .accepted(session: "s", by: .orderAPI)),
            entry(at: 12, .refused(session: "s", by: .introspection(replica: 1))),
            entry(at: 0, .completedRound),
        ]
        #expect(violations(record, recoveredAt: .zero) == [])
    }

    @Test("Two successors of one token are found, also from different clients")
    func successors() {
        let record = [
            entry(0, at: 0, .refreshed(session: "s", presented: "a", successor: "c")),
            entry(1, at: 9, .refreshed(session: "s", presented: "a", successor: "b")),
        ]
        #expect(violations(record) == [.differentSuccessors(presented: "a", successors: ["b", "c"])])
    }

    @Test("An ended session that is accepted later than the bound is found")
    func late() {
        let verifier = Verifier.introspection(replica: 1)
        let record = [
            entry(at: 10, .ended(session: "s")),
            entry(at: 15.0, .accepted(session: "s", by: .orderAPI)),
            entry(at: 15.5, .accepted(session: "s", by: verifier)),
            entry(at: 99, .accepted(session: "another", by: .orderAPI)),
        ]
        #expect(
            violations(record) == [
                .acceptedAfterEnd(session: "s", by: verifier, after: .seconds(15.5) - .seconds(10 + 0.01))
            ])
    }

    @Test("The bound runs from the first answer that a session has ended")
    func firstEnd() {
        let record = [
            entry(at: 0, .ended(session: "s")),
            entry(at: 20, .ended(session: "s")),
            entry(at: 21, .accepted(session: "s", by: .orderAPI)),
        ]
        #expect(violations(record).count == 1)
    }

    @Test("An answer that no fault excuses is found")
    func unexpected() {
        #expect(
            violations([entry(3, at: 0, .unexpected(.use, status: 500))])
                == [.unexpectedAnswer(client: 3, act: .use, status: 500)])
    }

    @Test("A client that does not recover is found; a round begun before the recovery proves nothing")
    func recovery() {
        let record = [
            entry(0, at: 30, .completedRound), entry(1, at: 29, .completedRound),
            entry(2, at: 31, .unavailable(.signIn)),
        ]
        #expect(
            violations(record, clients: 3, recoveredAt: .seconds(30))
                == [.neverRecovered(client: 1), .neverRecovered(client: 2)])
    }
}
