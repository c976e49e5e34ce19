import APISecurity
import Testing

@testable import TokenService

@Suite struct PeopleThrottleTests {
    private let rules = SignInThrottle.passwords

    @Test func delaysGrowAndEnd() {
        let waits = (1...30).map { SignInThrottle.delay(rules.pair, failures: $0) }
        #expect(Array(waits.prefix(6)) == [0, 0, 0, 1, 2, 4])
        #expect(zip(waits, waits.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(waits.last == 900)
        #expect(SignInThrottle.delay(rules.pair, failures: 1_000_000) == 900)
        #expect(SignInThrottle.delay(rules.pair, failures: 0) == 0)
        for table in [rules.pair, rules.knownPair, rules.account, rules.address] {
            #expect((table.max() ?? 0) <= SignInThrottle.longest)
        }
        #expect(rules.account.max() == 30)
    }

    @Test func aKnownAddressIsNotHeldBackByTheAccount() {
        let standing = SignInThrottle.Standing(isKnown: true, accountFailures: 1_000_000)
        #expect(rules.decide(standing, now: 0) == .allow)
    }

    @Test func anUnknownAddressWaitsOnceAndThenGoesByItsOwnCount() {
        var standing = SignInThrottle.Standing(accountFailures: 1_000_000)
        #expect(rules.decide(standing, now: 1_000) == .wait(30_000))
        standing.pairExists = true
        standing.pairOpensAt = 31_000
        #expect(rules.decide(standing, now: 30_999) == .wait(1))
        // Whatever others do meanwhile.
        standing.accountFailures *= 2
        #expect(rules.decide(standing, now: 31_000) == .allow)
    }

    @Test func aQuietAccountAsksNobodyToWait() {
        #expect(rules.decide(.init(accountFailures: 20), now: 0) == .allow)
        #expect(rules.decide(.init(accountFailures: 21), now: 0) == .wait(2_000))
    }

    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::/64"), ("2001:db8::1", "2001:db8:0:0::/64"),
        ("fe80::1%eth0", "fe80:0:0:0::/64"),
        ("::1", "0:0:0:0::/64"), ("0:0:0:0:0:0:0:1", "0:0:0:0::/64"), ("unix", "unix"),
    ])
    func addressesFallIntoNetworks(_ address: String, _ prefix: String) {
        #expect(AddressPrefix.of(address) == prefix)
    }

    @Test func enrolmentIsDueWhenSomethingAsksForIt() {
        func due(_ factor: Bool, _ privileged: Bool, _ short: Bool, _ forced: Bool) -> Bool {
            Enrolment.isDue(hasFactor: factor, isPrivileged: privileged, passwordIsShort: short, isForced: forced)
        }
        #expect(!due(false, false, false, false))
        #expect(due(false, true, false, false))
        #expect(due(false, false, true, false))
        #expect(due(false, false, false, true))
        #expect(!due(true, true, true, true))
    }
}
