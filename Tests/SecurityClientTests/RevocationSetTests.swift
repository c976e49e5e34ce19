import APISecurity
import Contracts
import Testing

@testable import SecurityClient

@Suite struct RevocationSetTests {
    let clock = TestClock()
    let set: RevocationSet

    init() { set = RevocationSet(clock: clock.read, monotonic: clock.monotonic) }

    private func identity(
        _ subject: String = "usr_1", session: String? = "s-1", issued: Int64? = nil, key: String? = "k-1"
    ) -> Identity {
        Identity(subject: subject, sessionID: session, issuedAtMilliseconds: issued ?? clock.now, keyID: key)
    }

    private func revoke(session: String, at: Int64? = nil) {
        set.apply(Revocation(target: .session(id: session, subject: "usr_1"), reason: "logout", at: at ?? clock.now))
    }

    private func revoke(
        subject: String, before: Int64, effect: Revocation.SubjectEffect = .sessionsEnded, at: Int64? = nil
    ) {
        set.apply(
            Revocation(
                target: .subject(id: subject, before: before, effect: effect), reason: "disabled", at: at ?? clock.now))
    }

    @Test func nothingIsRevokedAtFirst() { #expect(!RevocationSet().isRevoked(identity())) }

    @Test func aSession() {
        revoke(session: "s-1")
        #expect(set.isRevoked(identity()))
        // Whenever the token was issued: a session that ended begins no more.
        #expect(set.isRevoked(identity(issued: clock.now + 10_000)))
        #expect(!set.isRevoked(identity(session: "s-2")))
        #expect(!set.isRevoked(identity(session: nil)))
    }

    @Test(arguments: [Revocation.SubjectEffect.sessionsEnded, .claimsChanged])
    func aSubjectUpToAnInstant(_ effect: Revocation.SubjectEffect) {
        let before = clock.now
        revoke(subject: "usr_1", before: before, effect: effect)
        #expect(set.isRevoked(identity(issued: before - 1)))
        #expect(set.isRevoked(identity(issued: before)), "the instant itself is void")
        #expect(!set.isRevoked(identity(issued: before + 1)))
        #expect(!set.isRevoked(identity("usr_2", issued: before - 1)))
    }

    @Test func theLatestInstantCounts() {
        let now = clock.now
        revoke(subject: "usr_1", before: now)
        revoke(subject: "usr_1", before: now - 5_000)
        #expect(set.isRevoked(identity(issued: now)))
        revoke(subject: "usr_1", before: now + 2_000)
        #expect(set.isRevoked(identity(issued: now + 2_000)))
        #expect(set.count.subjects == 1)
    }

    @Test func aSigningKey() {
        set.apply(Revocation(target: .signingKey(id: "k-1"), reason: "key_compromised", at: clock.now))
        #expect(set.isRevoked(identity()))
        // Whoever has the key can date tokens at will.
        #expect(set.isRevoked(identity(issued: clock.now + 3_600_000)))
        #expect(!set.isRevoked(identity(key: "k-2")))
        #expect(!set.isRevoked(identity(key: nil)))
        clock.advance(86_400_000)
        revoke(session: "s-9")
        #expect(set.isRevoked(identity()), "a stolen key is never forgotten")
    }

    @Test func entriesGoWhenNoTokenTheyConcernCanLive() {
        let lifetime = RevocationSet.tokenLifetime
        revoke(session: "s-1")
        revoke(subject: "usr_2", before: clock.now)
        clock.advance(lifetime)
        revoke(session: "s-2")
        #expect(set.count == (2, 1, 0))
        #expect(set.isRevoked(identity()), "as long as a token may live")
        // The slack, and the minute in which what expires is gathered.
        clock.advance(RevocationSet.slack + 60_000)
        revoke(session: "s-3")
        #expect(set.count == (2, 0, 0))
        #expect(!set.isRevoked(identity()))
    }

    @Test func oneThatIsToldAgainLaterStaysLonger() {
        revoke(session: "s-1")
        clock.advance(600_000)
        revoke(session: "s-1")
        clock.advance(600_000)
        revoke(session: "s-2")
        #expect(set.isRevoked(identity()))
        #expect(set.count.sessions == 2)
    }

    /// Whether something is old is not for this machine's time of day to say.
    @Test func whatIsToldIsKeptForALifetimeHoweverItIsDated() {
        revoke(session: "s-1", at: clock.now - RevocationSet.tokenLifetime - RevocationSet.slack)
        revoke(subject: "usr_1", before: 0, at: 0)
        revoke(session: "s-2", at: .min)
        revoke(session: "s-3", at: .max)
        #expect(set.count == (3, 1, 0))
        clock.advance(RevocationSet.tokenLifetime + RevocationSet.slack + 60_000)
        revoke(session: "s-4")
        #expect(set.count == (2, 0, 0))
        #expect(set.isRevoked(identity(session: "s-3")))
    }

    @Test func aClockThatIsAheadForAWhileForgetsNothing() {
        revoke(session: "held")
        revoke(subject: "usr_2", before: clock.now)
        let issued = clock.now
        clock.step(3_600_000)
        revoke(session: "told meanwhile", at: issued)
        revoke(subject: "usr_3", before: issued, at: issued)
        clock.step(-3_600_000)
        revoke(session: "later")
        #expect(set.isRevoked(identity(session: "held")))
        #expect(set.isRevoked(identity(session: "told meanwhile")))
        #expect(set.isRevoked(identity("usr_2", session: nil, issued: issued)))
        #expect(set.isRevoked(identity("usr_3", session: nil, issued: issued)))
    }

    /// Bounded all the same: time passes, whatever the time of day is set to.
    @Test func aClockThatIsSetBackKeepsNothing() {
        for number in 0..<100 { revoke(session: "s-\(number)") }
        clock.step(-86_400_000)
        clock.advance(RevocationSet.tokenLifetime + RevocationSet.slack + 60_000)
        revoke(session: "last", at: clock.now)
        #expect(set.count.sessions == 1)
    }

    @Test func whatIsToldAgainAndAgainIsLookedAtOnceAMinute() {
        for _ in 0..<20 {
            clock.advance(60_000)
            revoke(session: "s-1")
        }
        #expect(set.isRevoked(identity()))
        clock.advance(RevocationSet.tokenLifetime + RevocationSet.slack + 60_000)
        revoke(session: "s-2")
        #expect(set.count.sessions == 1)
    }

    /// One that lies in the far future keeps nothing else from being forgotten.
    @Test func aClockThatRunsAheadElsewhere() {
        revoke(session: "future", at: clock.now + 1_000_000_000)
        for number in 0..<100 { revoke(session: "s-\(number)") }
        clock.advance(2_000_000)
        revoke(session: "last")
        #expect(set.count.sessions == 2)
    }

    @Test func theVersionChangesWithWhatIsNew() {
        let first = set.version
        revoke(session: "s-1")
        let second = set.version
        #expect(second != first)
        revoke(session: "s-1")
        #expect(set.version == second)
        revoke(subject: "usr_1", before: clock.now)
        #expect(set.version != second)
    }

    @Test func keysAreBoundedInNumber() {
        for number in 0...RevocationSet.maxKeys {
            set.apply(Revocation(target: .signingKey(id: "k-\(number)"), reason: "test", at: clock.now))
        }
        #expect(set.count.keys == RevocationSet.maxKeys)
        #expect(set.isRevoked(identity(key: "k-\(RevocationSet.maxKeys)")))
    }
}
