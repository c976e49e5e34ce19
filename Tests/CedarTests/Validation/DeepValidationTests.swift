import Foundation
import Synchronization
import Testing

@testable import Cedar

/// Expressions and values that are nested as deep as they may be, on the small stack of a secondary thread.
@Suite struct DeepValidationTests {
    /// Runs on a thread with this much stack and gives what the work gives.
    private static func onSmallStack<T: Sendable>(_ bytes: Int, _ work: @escaping @Sendable () -> T) async -> T {
        await withCheckedContinuation { continuation in
            let thread = Thread { continuation.resume(returning: work()) }
            thread.stackSize = bytes
            thread.start()
        }
    }

    private static let nested: [(String, @Sendable (Expr) -> Expr)] = [
        ("not", { Expr(.not($0)) }),
        ("and", { Expr(.and([Expr(.literal(.bool(true))), $0])) }),
        ("or", { Expr(.or([Expr(.literal(.bool(false))), $0])) }),
        ("if", { Expr(.conditional(if: $0, then: Expr(.literal(.bool(true))), else: Expr(.literal(.bool(false))))) }),
        ("branch", { Expr(.conditional(if: Expr(.variable(.context)), then: $0, else: $0)) }),
        ("equal", { Expr(.binary(.equal, Expr(.literal(.bool(true))), $0)) }),
        ("set", { Expr(.set([$0])) }),
        ("record", { Expr(.record([Expr.Field(name: "a", value: $0)])) }),
        ("attribute", { Expr(.attribute($0, "boss")) }),
        ("has", { Expr(.has($0, ["a", "b"])) }),
        ("is", { Expr(.isType($0, "User", in: Expr(.variable(.resource)))) }),
        ("call", { Expr(.call(.isIpv4, [$0])) }),
        ("in", { Expr(.binary(.in, $0, Expr(.variable(.resource)))) }),
        ("contains", { Expr(.binary(.contains, $0, Expr(.variable(.resource)))) }),
        ("less", { Expr(.binary(.less, $0, Expr(.literal(.int(1))))) }),
        ("tag", { Expr(.binary(.getTag, $0, Expr(.literal(.string("a"))))) }),
    ]

    @Test(arguments: nested.indices)
    func expressions(_ index: Int) async throws {
        let (name, wrap) = Self.nested[index]
        let schema = try ValidationSample.schema()
        // Here the operand is the same object twice, for which no parser can be brought to.
        let depth = name == "branch" ? 12 : Limits().maximumNesting - 2
        let count = await Self.onSmallStack(1 << 20) {
            let deep = (0..<depth).reduce(Expr(.variable(.principal))) { expr, _ in wrap(expr) }
            var count = 0
            for mode in ValidationMode.allCases {
                let policy = Policy(
                    id: "p", effect: .permit, action: .equal(EntityUID(type: "Action", id: "read")),
                    conditions: [Condition(.when, deep)])
                count += Validator(schema: schema, mode: mode).validate(policy, maximumDereferences: 1).errors.count
            }
            return count
        }
        #expect(count > 0)
    }

    @Test func values() async throws {
        var type = SchemaType.long
        var value = Value.int(1)
        for level in 0..<Limits().maximumNesting / 2 - 1 {
            type = level.isMultiple(of: 2) ? .set(type) : .record(RecordType(["a": AttributeType(type)]))
            value = level.isMultiple(of: 2) ? .set(ValueSet([value])) : .record(["a": value])
        }
        let uid = EntityUID(type: "T", id: "a")
        let action = EntityUID(type: "Action", id: "act")
        let schema = Schema(
            entityTypes: ["T": EntityTypeDefinition(name: "T", attributes: RecordType(["v": AttributeType(type)]))],
            actions: [
                action: ActionDefinition(
                    uid: action, principals: ["T"], resources: ["T"], context: RecordType(["v": AttributeType(type)]))
            ])
        let entities = try Entities([Entity(uid: uid, attributes: ["v": value])])
        let wrong = try Entities([Entity(uid: uid, attributes: ["v": .record(["a": value])])])
        let request = AuthorizationRequest(principal: uid, action: action, resource: uid, context: ["v": value])
        let found = await Self.onSmallStack(1 << 20) {
            let validator = Validator(schema: schema)
            return [
                validator.validate(entities: entities).count, validator.validate(request: request).count,
                validator.validate(entities: wrong).count,
            ]
        }
        #expect(found == [0, 0, 1])
    }

    /// Many policies and actions take seconds at most, as no time is spent on what scopes leave out.
    @Test(.timeLimit(.minutes(1))) func manyPolicies() throws {
        var text = "entity User { name: String, nick?: String }; entity Doc { owner: User };\n"
        for index in 0..<100 {
            text += "action a\(index) appliesTo { principal: User, resource: Doc, context: { n: Long } };\n"
        }
        let schema = try Schema(parsing: text)
        let policies = (0..<10_000).map { index in
            let scope = #"principal == User::"u\#(index)", action == Action::"a\#(index % 100)", resource"#
            return
                "permit(\(scope)) when { resource.owner == principal && context.n > \(index) && principal.name == \"x\" };"
        }
        let set = try PolicySet(parsing: policies.joined(separator: "\n"))
        #expect(Validator(schema: schema).validate(set).isValid)
    }
}
