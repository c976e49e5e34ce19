import Testing

@testable import Cedar

@Suite("Partial authorization")
struct PartialTests {
    private let entities: Entities

    init() throws {
        let friends = EntityUID(type: "Group", id: "friends")
        entities = try Entities([
            Entity(uid: EntityUID(type: "User", id: "alice"), attributes: ["level": .int(3)], parents: [friends]),
            Entity(uid: friends),
        ])
    }

    private func check(_ text: String, _ request: PartialRequest) throws -> PartialResponse {
        try PolicySet(parsing: text).partiallyAuthorize(request, entities: entities)
    }

    private var alice: PartialRequest {
        PartialRequest(principal: EntityUID(type: "User", id: "alice"), action: EntityUID(type: "Action", id: "view"))
    }

    @Test("what is known is decided, and residuals speak only of what is unknown")
    func residuals() throws {
        let response = try check(
            """
            permit (principal in Group::"friends", action, resource) when { principal.level > 2 && resource.level <= principal.level };
            forbid (principal, action == Action::"edit", resource);
            permit (principal, action, resource is Photo) unless { context.a };
            permit (principal, action, resource) when { principal.missing };
            """, alice)
        #expect(response.decision == nil)
        #expect(response.satisfied == [])
        #expect(response.errors.map(\.policy) == ["policy3"])
        #expect(
            response.residuals.map(\.text) == [
                "permit (principal, action, resource)\nwhen { resource.level <= 3 };",
                "permit (principal, action, resource is Photo)\nunless { context.a };",
            ])
        #expect(response.residuals.map(\.id) == ["policy0", "policy2"])
    }

    @Test("a decision that nothing unknown can change is made")
    func decisions() throws {
        let permit = "permit (principal in Group::\"friends\", action, resource);"
        #expect(try check(permit, alice).decision == .allow)
        #expect(
            try check(permit + "forbid (principal, action, resource) when { resource.secret };", alice).decision == nil)
        #expect(try check(permit + "forbid (principal, action, resource);", alice).decision == .deny)
        #expect(try check("permit (principal, action, resource) when { resource.a && false };", alice).decision == nil)
        #expect(
            try check("permit (principal, action, resource) when { false && resource.a };", alice).decision == .deny)
        #expect(try check("forbid (principal, action, resource) when { resource.a };", alice).decision == .deny)
        #expect(try check("", PartialRequest()).decision == .deny)
    }

    @Test("when the rest becomes known, residuals and what was decided give the answer of the whole request")
    func agreesWithWhole() throws {
        var undecided = 0
        for seed in UInt64(0)..<1_500 {
            var random = RandomCase(seed: seed)
            let entities = try Entities(random.entities())
            let policies = try PolicySet(random.policies(3))
            let request = random.request()
            var partial = PartialRequest(
                principal: request.principal, action: request.action, resource: request.resource,
                context: request.context)
            if random.chance(50) { partial.principal = nil }
            if random.chance(20) { partial.action = nil }
            if random.chance(50) { partial.resource = nil }
            if random.chance(40) { partial.context = nil }
            let response = policies.partiallyAuthorize(partial, entities: entities)
            let whole = policies.authorize(request, entities: entities)
            if let decision = response.decision {
                #expect(decision == whole.decision, "seed \(seed)")
            } else {
                undecided += 1
            }
            let rest = try PolicySet(response.residuals)
            let evaluator = Evaluator(request: request, entities: entities)
            for policy in policies.policies {
                func outcome(_ policy: Policy) -> String {
                    do { return try evaluator.holds(policy) ? "holds" : "does not" } catch { return "fails" }
                }
                let expected = outcome(policy)
                let found =
                    if response.satisfied.contains(policy.id) {
                        "holds"
                    } else if response.errors.contains(where: { $0.policy == policy.id }) {
                        "fails"
                    } else {
                        rest.policy(policy.id).map(outcome) ?? "does not"
                    }
                #expect(found == expected, "seed \(seed): \(policy.text)\n\(rest.text)")
            }
            // What is left can be written and read.
            #expect(try PolicySet(parsing: rest.text).policies.count == rest.policies.count)
        }
        #expect(undecided > 200)
    }
}
