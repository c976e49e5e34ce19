import Testing

@testable import Cedar

/// Policies are found where the index puts them, each once.
@Suite struct PolicyIndexTests {
    private struct World {
        let compiled: CompiledPolicies
        let store: EntityStore
        let oracle: Entities

        init(_ policies: String, _ entities: [Entity] = []) throws {
            let symbols = Symbols()
            compiled = CompiledPolicies(try PolicySet(parsing: policies), symbols: symbols)
            store = try EntityStore(entities, symbols: symbols)
            oracle = try Entities(entities)
        }

        /// The positions of policies that decide, after a look at whether the plain evaluator says the same.
        func reasons(
            _ principal: String = #"U::"a""#, _ action: String = #"Action::"view""#, _ resource: String = #"R::"r""#,
            context: Record = .empty
        ) throws -> [String] {
            let request = AuthorizationRequest(
                principal: try entity(principal), action: try entity(action), resource: try entity(resource),
                context: context)
            let verdict = compiled.authorize(request, in: store)
            #expect(verdict.response == compiled.source.authorize(request, entities: oracle))
            return verdict.reasons.map(\.description)
        }
    }

    private static func member(_ uid: String, of groups: String..., attributes: Record = .empty) throws -> Entity {
        Entity(uid: try entity(uid), attributes: attributes, parents: Set(try groups.map { try entity($0) }))
    }

    @Test func actionGroups() throws {
        let world = try World(
            """
            permit (principal, action in Action::"read", resource);
            permit (principal, action in [Action::"read", Action::"write"], resource);
            permit (principal, action in [], resource);
            permit (principal, action == Action::"read", resource);
            permit (principal, action in [Action::"view", Action::"view", Action::"read"], resource);
            """,
            [
                try Self.member(#"Action::"view""#, of: #"Action::"read""#),
                try Self.member(#"Action::"read""#, of: #"Action::"all""#),
            ])
        #expect(try world.reasons() == ["policy0", "policy1", "policy4"])
        #expect(try world.reasons(#"U::"a""#, #"Action::"read""#) == ["policy0", "policy1", "policy3", "policy4"])
        #expect(try world.reasons(#"U::"a""#, #"Action::"write""#) == ["policy1"])
        #expect(try world.reasons(#"U::"a""#, #"Action::"all""#) == [])
        #expect(try world.reasons(#"U::"a""#, #"Action::"other""#) == [])
    }

    @Test("a policy that could stand under several keys counts once")
    func severalKeys() throws {
        let world = try World(
            """
            permit (principal in G::"g", action == Action::"view", resource in G::"g") when { principal.level == 3 };
            permit (principal == U::"a", action, resource == R::"r");
            permit (principal in U::"a", action, resource in R::"r");
            permit (principal is U in G::"g", action, resource is R);
            permit (principal is G, action, resource);
            """,
            [
                try Self.member(#"U::"a""#, of: #"G::"g""#, attributes: ["level": .int(3)]),
                try Self.member(#"R::"r""#, of: #"G::"g""#, #"U::"a""#),
            ])
        #expect(try world.reasons() == ["policy0", "policy1", "policy2", "policy3"])
        #expect(try world.reasons(#"G::"g""#, #"Action::"view""#, #"R::"r""#) == ["policy4"])
    }

    @Test("the same policy many times is every time a reason")
    func duplicates() throws {
        let policy = #"permit (principal in G::"g", action, resource) when { resource.kind == "x" };"#
        let world = try World(
            Array(repeating: policy, count: 40).joined(separator: "\n"),
            [
                try Self.member(#"U::"a""#, of: #"G::"g""#),
                try Self.member(#"R::"r""#, attributes: ["kind": .string("x")]),
                try Self.member(#"R::"s""#, attributes: ["kind": .string("y")]),
            ])
        #expect(try world.reasons() == (0..<40).map { "policy\($0)" })
        #expect(try world.reasons(#"U::"a""#, #"Action::"view""#, #"R::"s""#) == [])
    }

    @Test("policies by an attribute: of any type, missing, wrong, checked first or not")
    func attributes() throws {
        let guards = [
            "context.a == 1", "1 == context.a", "context has a && context.a == 1", "context.a == true",
            #"context.a == "1""#, "context has b && context.a == 1", #"context.a == U::"a""#,
            "context has a && context has b && context.a == 1", "principal.x == 1",
            "principal has x && principal.x == 1",
            #"principal has x && resource.x == 1"#, #"resource.x == "e\u{301}""#, "context.a == 1 && context.b == 2",
            "(context has a && context.a == 1) && context.b == 2", "context has a.b && context.a == 1",
        ]
        let policies = guards.flatMap { condition in
            ["permit", "forbid"].flatMap { effect in
                ["when", "unless"].map { "\(effect) (principal, action, resource) \($0) { \(condition) };" }
            }
        }
        // Many of each, so that they are worth an index.
        let text = (0..<3).flatMap { _ in policies }.joined(separator: "\n")
        let values: [Value?] = [
            nil, .int(1), .int(2), .bool(true), .string("1"), .entity(try entity(#"U::"a""#)),
            .set(ValueSet([.int(1)])),
            .record(["b": .int(1)]), .string("\u{e9}"), .string("e\u{301}"),
        ]
        for value in values {
            for other in [nil, Value.int(2)] {
                var context: [(CedarString, Value)] = []
                if let value { context.append(("a", value)) }
                if let other { context.append(("b", other)) }
                let attributes = value.map { ["x": $0] as Record } ?? .empty
                for entities in [
                    [],
                    [
                        Entity(uid: try entity(#"U::"a""#), attributes: attributes),
                        Entity(uid: try entity(#"R::"r""#), attributes: attributes),
                    ],
                ] {
                    _ = try World(text, entities).reasons(context: Record(context))
                }
            }
        }
    }

    @Test("more groups than policies name, and more that policies name than groups")
    func buckets() throws {
        let groups = (0..<300).map { #"G::"\#($0)""# }
        let crowd = Entity(uid: try entity(#"U::"a""#), parents: Set(try groups.map { try entity($0) }))
        let few = try World(#"permit (principal in G::"7", action, resource);"#, [crowd])
        #expect(try few.reasons() == ["policy0"])
        let policies = (0..<600).map { #"permit (principal in G::"\#($0)", action, resource);"# }
        let many = try World(policies.joined(separator: "\n"), [crowd, try Self.member(#"U::"b""#, of: #"G::"599""#)])
        #expect(try many.reasons().count == 300)
        #expect(try many.reasons(#"U::"b""#) == ["policy599"])
        #expect(try many.reasons(#"G::"599""#) == ["policy599"])
    }

    @Test func emptySet() throws {
        #expect(try World("").reasons() == [])
        #expect(try World("", [try Self.member(#"U::"a""#)]).reasons() == [])
    }

    @Test("of forbids and permits only the forbids are reasons")
    func forbids() throws {
        let world = try World(
            """
            permit (principal, action, resource);
            forbid (principal in G::"g", action, resource);
            forbid (principal, action, resource == R::"r");
            """, [try Self.member(#"U::"a""#, of: #"G::"g""#)])
        #expect(try world.reasons() == ["policy1", "policy2"])
        #expect(try world.reasons(#"U::"b""#, #"Action::"view""#, #"R::"other""#) == ["policy0"])
    }
}
