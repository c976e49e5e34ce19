import Testing

@testable import TokenService

@Suite struct KeyScheduleTests {
    let schedule = KeySchedule(
        rotationInterval: 86_400_000, announcement: 900_000, tokenLifetime: 900_000, clockSkew: 5_000)

    private func key(_ id: String, _ announced: Int64, _ activates: Int64, revoked: Int64? = nil) -> KeyTimes {
        KeyTimes(keyID: id, announcedAt: announced, activatesAt: activates, revokedAt: revoked)
    }

    @Test func aFirstKeySignsAtOnce() {
        #expect(schedule.needsSuccessor([], now: 1_000))
        #expect(schedule.activation([], now: 1_000) == 1_000)
    }

    @Test func aSuccessorIsAnnouncedBeforeItSigns() {
        let first = key("a", 0, 0)
        #expect(!schedule.needsSuccessor([first], now: 86_400_000 - 900_001))
        let now: Int64 = 86_400_000 - 900_000
        #expect(schedule.needsSuccessor([first], now: now))
        let second = key("b", now, schedule.activation([first], now: now))
        #expect(second.activatesAt == 86_400_000)
        let keys = [first, second]
        #expect(!schedule.needsSuccessor(keys, now: now + 1))
        #expect(schedule.signingKey(keys, now: 86_399_999)?.keyID == "a")
        #expect(schedule.state(of: second, among: keys, now: 86_399_999) == .announced)
        #expect(schedule.signingKey(keys, now: 86_400_000)?.keyID == "b")
        #expect(schedule.state(of: first, among: keys, now: 86_400_000) == .retired)
    }

    @Test func aRetiredKeyStaysAsLongAsItsTokensLive() {
        let keys = [key("a", 0, 0), key("b", 0, 1_000_000)]
        #expect(schedule.state(of: keys[0], among: keys, now: 1_000_000 + 900_000 + 10_000) == .retired)
        #expect(schedule.state(of: keys[0], among: keys, now: 1_000_000 + 900_000 + 10_001) == .gone)
    }

    @Test func aRevokedKeyNeitherSignsNorStays() {
        let keys = [key("a", 0, 0), key("b", 10, 10, revoked: 20)]
        #expect(schedule.signingKey(keys, now: 30)?.keyID == "a")
        #expect(schedule.state(of: keys[1], among: keys, now: 30) == .revoked)
        #expect(schedule.needsSuccessor([key("a", 0, 0, revoked: 1)], now: 2))
    }

    @Test func keysRotatedEverySecondOverlap() {
        let quick = KeySchedule(rotationInterval: 1_000, announcement: 5_000, tokenLifetime: 900_000, clockSkew: 5_000)
        let keys = (0..<60).map { key("k\($0)", Int64($0) * 1_000, Int64($0) * 1_000 + 5_000) }
        for now in stride(from: Int64(5_000), to: 60_000, by: 250) {
            let signing = quick.signingKey(keys, now: now)
            #expect(signing.map { $0.announcedAt + 5_000 <= now } == true)
        }
    }
}
