@testable import Cedar

/// Policies, entities and requests in which most expressions have the types that their operators take, so that
/// evaluating goes deep; some do not, and some entities, attributes and tags are missing.
struct RandomCase {
    var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    mutating func pick<T>(_ values: [T]) -> T { values[Int.random(in: values.indices, using: &random)] }
    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    mutating func count(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    // MARK: Entities

    mutating func uid(_ type: String) -> EntityUID {
        EntityUID(type: Name(unchecked: type), id: pick(RandomCatalog.ids))
    }

    mutating func entities() -> [Entity] {
        var entities: [Entity] = []
        for type in RandomCatalog.types {
            for (index, id) in RandomCatalog.ids.enumerated() where chance(85) {
                let uid = EntityUID(type: Name(unchecked: type), id: id)
                entities.append(
                    Entity(
                        uid: uid, attributes: record(RandomCatalog.attributes[type] ?? []),
                        parents: parents(of: uid, index),
                        tags: type == RandomCatalog.user || chance(20) ? record(RandomCatalog.tags) : .empty))
            }
        }
        return entities
    }

    /// Of groups and actions those that come later, so that nothing is in itself.
    private mutating func parents(of uid: EntityUID, _ index: Int) -> Set<EntityUID> {
        let isAction = uid.type.text == RandomCatalog.action
        let type = isAction ? RandomCatalog.action : RandomCatalog.group
        let candidates =
            type == uid.type.text ? Array(RandomCatalog.ids[(index + 1)...]) : RandomCatalog.ids
        guard !candidates.isEmpty else { return [] }
        return Set(
            (0..<count(0...2)).map { _ in EntityUID(type: Name(unchecked: type), id: pick(candidates)) })
    }

    /// Most of the fields, mostly with what they should have.
    mutating func record(_ fields: [RandomField]) -> Record {
        var found: [(CedarString, Value)] = []
        for field in fields where chance(85) { found.append((field.name, value(chance(95) ? field.kind : kind()))) }
        return Record(found)
    }

    mutating func request() -> AuthorizationRequest {
        AuthorizationRequest(
            principal: uid(chance(90) ? RandomCatalog.user : pick(RandomCatalog.types)),
            action: uid(RandomCatalog.action),
            resource: uid(chance(90) ? RandomCatalog.document : pick(RandomCatalog.types)),
            context: record(RandomCatalog.context))
    }

    // MARK: Values

    mutating func kind() -> RandomKind {
        switch count(0...9) {
        case 0, 1: .bool
        case 2, 3: .int
        case 4: .string
        case 5, 6: .entity(pick(RandomCatalog.types))
        case 7:
            .set(pick([.int, .string, .entity(RandomCatalog.user), .entity(RandomCatalog.group), .extension(.ipaddr)]))
        case 8: .record([RandomField("a", pick([.int, .string])), RandomField("b", .bool)])
        default: .extension(pick(ExtensionType.allCases))
        }
    }

    mutating func value(_ kind: RandomKind) -> Value {
        switch kind {
        case .bool: return .bool(chance(60))
        case .int: return .int(pick(RandomCatalog.integers))
        case .string: return .string(pick(RandomCatalog.strings))
        case .entity(let type): return .entity(uid(type))
        case .set(let element): return .set(ValueSet((0..<count(0...3)).map { _ in value(element) }))
        case .record(let fields): return .record(record(fields))
        case .extension(let type):
            let text = pick(RandomCatalog.texts[type] ?? [])
            return ExtensionValue(type, parsing: text.string).map { .extension($0) } ?? .string(text)
        }
    }

    // MARK: Policies

    mutating func policies(_ number: Int) -> [Policy] {
        // Mostly of one effect, as the answer then tells of each whether it holds.
        let forbids = chance(20)
        return (0..<number).map { index in
            var policy = Policy(id: PolicyID("policy\(index)"), effect: chance(5) != forbids ? .forbid : .permit)
            policy.principal = scope(RandomCatalog.user)
            policy.action = actionScope()
            policy.resource = scope(RandomCatalog.document)
            policy.conditions = (0..<count(1...2)).map { _ in
                Condition(chance(75) ? .when : .unless, typed(.bool, depth: count(2...6)))
            }
            return policy
        }
    }

    private mutating func scope(_ type: String) -> ScopeConstraint {
        let group = EntityReference.entity(uid(RandomCatalog.group))
        switch count(0...24) {
        case 0: return .equal(.entity(uid(type)))
        case 1: return .in(group)
        case 2: return .isType(Name(unchecked: type))
        case 3: return .isTypeIn(Name(unchecked: type), group)
        case 4: return .in(.entity(uid(type)))
        default: return .any
        }
    }

    private mutating func actionScope() -> ActionConstraint {
        switch count(0...19) {
        case 0: .equal(uid(RandomCatalog.action))
        case 1: .in(uid(RandomCatalog.action))
        case 2: .inAny((0..<count(0...3)).map { _ in uid(RandomCatalog.action) })
        default: .any
        }
    }
}
