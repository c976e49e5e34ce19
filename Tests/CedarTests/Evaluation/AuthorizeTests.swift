import StrictJSON
import Testing

@testable import Cedar

@Suite struct AuthorizeTests {
    private func answer(_ policies: String, context: String = "{}") throws -> AuthorizationResponse {
        let entities = """
            [{"uid": {"type": "User", "id": "alice"}, "attrs": {}, "parents": [{"type": "Group", "id": "staff"}]},
             {"uid": {"type": "Action", "id": "view"}, "attrs": {}, "parents": [{"type": "Action", "id": "read"}]}]
            """
        let world = try TestWorld(entities, context: context)
        return try PolicySet(parsing: policies).authorize(world.request, entities: world.entities)
    }

    @Test func nothingIsAllowedByItself() throws {
        #expect(try answer("") == AuthorizationResponse(decision: .deny, reasons: [], errors: []))
        #expect(try answer("permit(principal, action, resource) when { false };").decision == .deny)
    }

    @Test func permitsAndForbids() throws {
        let all = "permit(principal, action, resource);"
        #expect(
            try answer(all + all)
                == AuthorizationResponse(decision: .allow, reasons: ["policy0", "policy1"], errors: []))
        let forbidden =
            all + "forbid(principal, action, resource); forbid(principal, action, resource) unless { true };"
        #expect(try answer(forbidden) == AuthorizationResponse(decision: .deny, reasons: ["policy1"], errors: []))
    }

    /// A policy with an error counts for nothing, also a forbid, and is told.
    @Test func errors() throws {
        let response = try answer(
            """
            permit(principal, action, resource);
            forbid(principal, action, resource) when { context.x };
            permit(principal, action, resource) when { 1 };
            permit(principal == User::"bob", action, resource) when { 1 };
            permit(principal, action, resource) when { false } when { 1 };
            permit(principal, action, resource) unless { true } unless { 1 };
            """)
        #expect(response.decision == .allow)
        #expect(response.reasons == ["policy0"])
        #expect(
            response.errors == [
                PolicyError(policy: "policy1", error: .noSuchAttribute(of: nil, name: "x")),
                PolicyError(policy: "policy2", error: .type(expected: ["bool"], actual: "long")),
            ])
    }

    @Test(arguments: [
        (#"principal == User::"alice", action, resource"#, true),
        (#"principal == User::"bob", action, resource"#, false),
        (#"principal in User::"alice", action, resource"#, true),
        (#"principal in Group::"staff", action, resource"#, true),
        (#"principal in Group::"other", action, resource"#, false), (#"principal is User, action, resource"#, true),
        (#"principal is Group, action, resource"#, false),
        (#"principal is User in Group::"staff", action, resource"#, true),
        (#"principal is Group in Group::"staff", action, resource"#, false),
        (#"principal, action == Action::"view", resource"#, true),
        (#"principal, action == Action::"read", resource"#, false),
        (#"principal, action in Action::"read", resource"#, true),
        (#"principal, action in [Action::"edit", Action::"read"], resource"#, true),
        (#"principal, action in [Action::"edit"], resource"#, false), (#"principal, action in [], resource"#, false),
        (#"principal, action, resource == Photo::"trip""#, true),
        (#"principal, action, resource in Photo::"trip""#, true),
        (#"principal, action, resource in Album::"a""#, false), (#"principal, action, resource is Photo"#, true),
        (#"principal, action, resource is Photo in Album::"a""#, false),
    ])
    func scopes(_ scope: String, _ isAllowed: Bool) throws {
        #expect(try answer("permit(\(scope));").decision == (isAllowed ? .allow : .deny), "\(scope)")
    }

    @Test func templatesTakePartByTheirLinks() throws {
        var policies = try PolicySet(parsing: "permit(principal in ?principal, action, resource == ?resource);")
        let world = try TestWorld()
        #expect(policies.authorize(world.request, entities: .none).decision == .deny)
        try policies.link(
            TemplateLink(
                id: "link", template: "policy0",
                values: [.principal: world.request.principal, .resource: world.request.resource]))
        #expect(policies.authorize(world.request, entities: .none).reasons == ["link"])
        // Not even by an evaluator that is given the template itself.
        let template = try #require(policies.template("policy0"))
        #expect(try !Evaluator(request: world.request, entities: .none).holds(template))
    }
}
