import Contracts
import Testing

@testable import APISecurity

/// `AccessDecision`: whether an identity may do what a route asks for.
@Suite struct AccessTests {
    private static let now: Int64 = 1_800_000_000

    private func refusal(
        _ identity: Identity, _ access: Access, now: Int64 = now, certificate: String? = nil
    ) -> AccessDecision.Refusal? {
        do throws(AccessDecision.Refusal) {
            try AccessDecision.check(identity, for: access, now: now, certificate: certificate)
            return nil
        } catch { return error }
    }

    private func person(
        _ permissions: Set<String> = ["a:b"], age: Int64? = 0, amr: [String] = ["pwd", "otp"],
        confirmation: Identity.Confirmation? = nil
    ) -> Identity {
        Identity(
            subject: "p", permissions: permissions, authTime: age.map { Self.now - $0 }, amr: amr,
            confirmation: confirmation)
    }

    private func service(
        _ permissions: Set<String> = ["a:b"], confirmation: Identity.Confirmation? = nil
    ) -> Identity {
        Identity(
            subject: "s", permissions: permissions, authTime: Self.now, amr: ["otp", "hwk"], confirmation: confirmation,
            isService: true)
    }

    @Test func anybodyWithAToken() {
        for access in [Access.public, .authenticated] {
            #expect(refusal(person([]), access) == nil)
            #expect(refusal(service([]), access) == nil)
        }
    }

    @Test func permissions() {
        #expect(refusal(person(age: nil, amr: []), .permission("a:b")) == nil)
        #expect(refusal(service(), .permission("a:b")) == nil)
        for held: Set<String> in [[], ["a"], ["a:*"], ["*"], ["A:B"], ["a:b "], ["a:bc"]] {
            #expect(refusal(person(held), .permission("a:b")) == .missingPermission("a:b"))
            #expect(refusal(person(held), .privileged("a:b")) == .missingPermission("a:b"))
            #expect(refusal(service(held, confirmation: .dpop("k")), .privileged("a:b")) == .missingPermission("a:b"))
        }
        #expect(refusal(person(["orders:place"]), .permission(.placeOrders)) == nil)
    }

    /// People need a second factor at most five minutes old, by clocks that differ by five seconds at most.
    @Test(arguments: [
        (Int64?.none, false), (-6, false), (-5, true), (0, true), (299, true), (300, true), (301, false),
        (86_400, false), (now, false), (now - Int64.max, false),
    ])
    func freshness(age: Int64?, isFresh: Bool) {
        #expect(refusal(person(age: age), .privileged("a:b")) == (isFresh ? nil : .staleFactor))
        #expect(refusal(person(age: age), .permission("a:b")) == nil)
    }

    @Test(
        arguments: [
            ([], false), (["pwd"], false), (["mfa"], false), (["sms", "pwd"], false), (["OTP"], false), (["otp"], true),
            (["pwd", "hwk"], true), (["mfa", "pwd", "otp"], true), (["otphwk"], false),
        ] as [([String], Bool)])
    func factors(amr: [String], isEnough: Bool) {
        #expect(refusal(person(amr: amr), .privileged("a:b")) == (isEnough ? nil : .staleFactor))
    }

    @Test func farClocks() {
        for (time, now) in [(Int64.min, Int64.max), (.max, .min), (.min, 0), (.max, 0), (.min, -1), (.max, -2)] {
            let identity = Identity(subject: "p", permissions: ["a:b"], authTime: time, amr: ["otp"])
            #expect(refusal(identity, .privileged("a:b"), now: now) == .staleFactor)
        }
    }

    /// A person's bound token is no second factor, and a service's second factor no bound token.
    @Test func bindings() {
        #expect(refusal(service(), .privileged("a:b")) == .unboundToken)
        #expect(refusal(service(confirmation: .certificate("c")), .privileged("a:b"), certificate: "c") == nil)
        // Whoever holds a secret can make up a DPoP key; a certificate comes from elsewhere.
        #expect(refusal(service(confirmation: .dpop("k")), .privileged("a:b")) == .unboundToken)
        #expect(refusal(person(age: 301, confirmation: .dpop("k")), .privileged("a:b")) == .staleFactor)
        let bound = person(age: nil, confirmation: .certificate("c"))
        #expect(refusal(bound, .privileged("a:b"), certificate: "c") == .staleFactor)
    }

    /// RFC 8705 section 3: whatever the route asks, a bound token counts with its certificate only.
    @Test func otherCertificates() {
        for access in [Access.authenticated, .permission("a:b"), .privileged("a:b"), .permission("x:y")] {
            for certificate in [nil, "", "d", "C"] {
                for identity in [person(confirmation: .certificate("c")), service(confirmation: .certificate("c"))] {
                    #expect(refusal(identity, access, certificate: certificate) == .otherCertificate)
                }
            }
        }
        #expect(refusal(service(confirmation: .dpop("k")), .permission("a:b"), certificate: "d") == nil)
        #expect(refusal(person(), .permission("a:b"), certificate: "d") == nil)
    }
}
