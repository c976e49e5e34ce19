import Testing

@Suite("Verdict over the topics")
struct EventVerdictTests {
    private func trace(
        _ sequence: Int64, id: String? = nil, source: String = "s/main/1/security.events",
        topic: String = "security.events", type: String = "t", session: String? = nil
    ) -> EventTrace {
        EventTrace(
            topic: topic, source: source, sequence: sequence, id: id ?? "\(source)-\(sequence)", type: type,
            session: session)
    }

    @Test("Repeats and any order are fine; sources are numbered on their own")
    func clean() {
        let traces = [trace(2), trace(1), trace(2), trace(3), trace(1, source: "s/main/2/security.events")]
        #expect(EventVerdict.violations(in: traces, committed: ["s/main/1/security.events-3"]) == [])
    }

    @Test("A gap is found, also at the beginning")
    func gap() {
        #expect(
            EventVerdict.violations(in: [trace(2), trace(5)])
                == [.gap(source: "s/main/1/security.events", missing: [1, 3, 4])])
    }

    @Test("Two events under one number are found")
    func twoEvents() {
        #expect(
            EventVerdict.violations(in: [trace(1, id: "a"), trace(1, id: "b")])
                == [.twoEvents(source: "s/main/1/security.events", sequence: 1, ids: ["a", "b"])])
    }

    @Test("A committed event that is on no topic is found, though no number is missing")
    func lost() {
        #expect(EventVerdict.violations(in: [trace(1, id: "a")], committed: ["a", "z"]) == [.lost(id: "z")])
    }

    @Test("Sessions of which nothing is told are found, topic by topic")
    func untold() {
        let traces = [
            trace(1, type: "org.jts.security.session-created", session: "a"),
            trace(2, type: "org.jts.security.session-ended", session: "a"),
        ]
        #expect(
            EventVerdict.violations(in: traces, ended: ["a"], started: ["a", "b"]) == [
                .untoldEnd(session: "a", topic: "security.session-revoked"), .untoldStart(session: "b"),
            ])
    }
}
