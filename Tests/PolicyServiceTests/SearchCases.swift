import Cedar
import Foundation
import StrictJSON

@testable import PolicyService
@testable import SecurityClient

/// A sequence of numbers that a seed stands for (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Policies, entities and assigned roles that a seed stands for: all that searches can be narrowed by, and errors.
struct SearchCase {
    static let now: Int64 = 1_800_000_000_000
    static let schema = """
        entity Role;
        entity ScopedRole;
        entity Group in [Group];
        entity User in [Group, Role, ScopedRole] { level: Long, manager?: User };
        entity Folder in [Folder] { owner?: User };
        entity Doc in [Folder] { owner: User, readers: Set<User>, level: Long, open: Bool };
        entity Colour enum ["red", "green"];
        action "all";
        action view, edit in ["all"] appliesTo {
          principal: [User, Group], resource: [Doc, Folder, User, Colour], context: { level?: Long }
        };
        action paint appliesTo { principal: [User], resource: [Colour, Doc], context: { shade: String } };
        """
    static let types: [Name] = ["User", "Group", "Folder", "Doc", "Colour", "Nothing"]

    let snapshot: PolicySnapshot
    let roles = AssignedRoles()
    let policies: String
    private var random: SeededNumbers

    init(seed: UInt64) throws {
        random = SeededNumbers(seed)
        var text = ""
        for _ in 0..<Int.random(in: 1...5, using: &random) { text += SearchCase.policy(&random) + "\n" }
        policies = text
        let content = try PolicyContent(files: [
            "schema.cedarschema": SearchCase.schema, "a.cedar": text,
            "attributes.json": #"{"context":["level","shade"],"entities":{"Doc":["level","owner"],"User":["level"]}}"#,
        ])
        let symbols = Symbols()
        let set = try PolicySnapshot.Policies(sequence: 1, version: 1, content: content, symbols: symbols)
        snapshot = PolicySnapshot(
            policies: set, entitySequence: 1,
            store: try PolicySnapshot.store(
                SearchCase.entities(&random), schema: set.loaded.schema, symbols: symbols))
        if Int.random(in: 0..<3, using: &random) == 0 { try assignRoles() }
    }

    // MARK: Questions

    /// A search that nothing is wrong with, as a request has it.
    mutating func search() -> (kind: AccessQuestion.Search, body: JSONObject) {
        let kind = pick([AccessQuestion.Search.subject, .resource, .action])
        var subject: JSONObject = ["type": .string(pick(["User", "User", "User", "Group", "Nothing"]))]
        var resource: JSONObject = [
            "type": .string(pick(["Doc", "Doc", "Folder", "User", "Colour", "Nothing"]))
        ]
        if kind != .subject { subject["id"] = .string(id(subject["type"]?.string ?? "")) }
        if kind != .resource { resource["id"] = .string(id(resource["type"]?.string ?? "")) }
        if subject["type"] == "User", chance(25) { subject["properties"] = ["level": .int(Int64(number(1...5)))] }
        if resource["type"] == "Doc", chance(25) {
            let owner: JSONValue = ["__entity": ["type": "User", "id": .string("u\(number(0...4))")]]
            resource["properties"] = ["level": .int(Int64(number(1...5))), "owner": owner]
        }
        var body: JSONObject = ["subject": .object(subject), "resource": .object(resource)]
        let action = pick(["view", "view", "edit", "paint"])
        if kind != .action { body["action"] = ["name": .string(action)] }
        if kind != .action, action == "paint" {
            body["context"] = ["shade": "dark"]
        } else if chance(40) {
            body["context"] = ["level": .int(Int64.random(in: 1...5, using: &random))]
        }
        return (kind, body)
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    private mutating func id(_ type: String) -> String {
        switch type {
        case "Colour": pick(["red", "green", "blue"])
        case "User": pick(["u0", "u1", "u2", "u3", "absent"])
        default: type.prefix(1).lowercased() + String(Int.random(in: 0...4, using: &random))
        }
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    private mutating func pick<T>(_ values: [T]) -> T { values[Int.random(in: values.indices, using: &random)] }

    // MARK: Content

    private mutating func assignRoles() throws {
        var editor = RoleCatalogue.Role(permissions: ["orders:view"])
        editor.scopes = ["Folder", "Doc"]
        let catalogue = try RoleCatalogue(permissions: ["orders:view"], roles: ["editor": editor], constraints: [])
        var assignments: [RolesBundle.Assignment] = []
        for (index, subject) in ["u1", "u2", "assigned"].enumerated() where chance(60) {
            let scope = pick([nil, RoleScope(type: "Folder", id: "f0"), RoleScope(type: "Doc", id: "d1")])
            assignments.append(
                .init(subject: subject, assigned: .init(id: Int64(index), role: "editor", scope: scope)))
        }
        roles.take(RolesBundle(from: nil, sequence: 1, catalogue: catalogue, assignments: assignments))
    }

    private static func policy(_ random: inout SeededNumbers) -> String {
        func pick<T>(_ values: [T]) -> T { values[Int.random(in: values.indices, using: &random)] }
        let principal = pick([
            "principal", "principal", "principal is User", #"principal == User::"u1""#, #"principal in Group::"g1""#,
            #"principal is User in Group::"g0""#, #"principal in Role::"editor""#, #"principal in Group::"g2""#,
        ])
        let action = pick([
            "action", #"action == Action::"view""#, #"action in Action::"all""#,
            #"action in [Action::"edit", Action::"paint"]"#,
        ])
        let resource = pick([
            "resource", "resource", "resource is Doc", #"resource == Doc::"d1""#, #"resource in Folder::"f1""#,
            #"resource is Doc in Folder::"f0""#, #"resource == Colour::"red""#, #"resource in Folder::"f2""#,
        ])
        var text = "\(pick(["permit", "permit", "permit", "forbid"])) (\(principal), \(action), \(resource))"
        for _ in 0..<pick([0, 1, 1, 2]) { text += " \(pick(["when", "when", "unless"])) { \(condition(3, &random)) }" }
        return text + ";"
    }

    private static let atoms = [
        "true", "false", "principal in resource", "principal == resource", "resource in principal",
        "resource has owner && resource.owner == principal", "principal == resource.owner",
        #"principal in Group::"g2""#, #"principal in [Group::"g1", User::"u2"]"#, #"principal in resource.owner"#,
        #"[User::"u1", User::"u3"].contains(principal)"#, #"[Doc::"d1", Folder::"f2"].contains(resource)"#,
        #"resource in [Folder::"f1", Doc::"d2"]"#, "resource is Doc && resource.level > 3", "resource.level == 1",
        "resource is Doc && resource.readers.contains(principal)", "resource.readers.contains(principal)",
        #"principal has manager && principal.manager in Group::"g1""#, "principal.manager == resource",
        "principal has manager && principal.manager == resource", #"User::"u1".level > 2"#,
        #"User::"u2".manager == principal"#, #"User::"u2".manager.level < 4"#, "context has level && context.level > 2",
        "context.level > 2", #"principal != User::"u1""#, #"resource is Folder in Folder::"f0""#,
        #"Doc::"d1" in resource"#, #"User::"u3" in principal"#, #"principal in Role::"editor""#,
        #"resource.owner in Role::"editor""#, #"action == Action::"view""#, "resource is Doc && resource.open",
        #"if resource is Doc then resource.open else principal in Group::"g1""#, #"principal in ScopedRole::"editor""#,
        #"if principal in Group::"g0" then resource == Doc::"d0" else resource in Folder::"f0""#,
        "1 + principal.level > 3",
        #"Doc::"d0".owner == principal"#, #"Doc::"d0".readers.contains(principal)"#, "resource like \"x\"",
        #"[principal].contains(User::"u2")"#, #"principal in [resource, Group::"g3"]"#,
        "principal.manager.manager == resource",
    ]

    private static func condition(_ depth: Int, _ random: inout SeededNumbers) -> String {
        let atom = atoms[Int.random(in: atoms.indices, using: &random)]
        guard depth > 0 else { return "(\(atom))" }
        switch Int.random(in: 0..<8, using: &random) {
        case 0: return "!(\(condition(depth - 1, &random)))"
        case 1, 2: return "(\(condition(depth - 1, &random)) && \(condition(depth - 1, &random)))"
        case 3, 4: return "(\(condition(depth - 1, &random)) || \(condition(depth - 1, &random)))"
        case 5:
            return
                "(if \(condition(depth - 1, &random)) then \(condition(depth - 1, &random)) else \(condition(depth - 1, &random)))"
        default: return "(\(atom))"
        }
    }

    static func attributes(_ attributes: [String: Value]) -> Record {
        Record(attributes.map { (CedarString($0.key), $0.value) })
    }

    private static func entities(_ random: inout SeededNumbers) -> [Entity] {
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        func uid(_ type: Name, _ number: Int) -> EntityUID {
            EntityUID(type: type, id: CedarString(type.text.prefix(1).lowercased() + String(number)))
        }
        func some(_ type: Name, _ percent: Int, below limit: Int = 5) -> [EntityUID] {
            (0..<limit).filter { _ in chance(percent) }.map { uid(type, $0) }
        }
        func person() -> Value { .entity(uid("User", Int.random(in: 0...4, using: &random))) }
        var found: [Entity] = []
        for number in 0..<5 {
            // Groups and folders are in those of lower numbers only, so that there is no cycle.
            if chance(85) {
                found.append(Entity(uid: uid("Group", number), parents: Set(some("Group", 40, below: number))))
            }
            if chance(85) {
                found.append(
                    Entity(
                        uid: uid("Folder", number), attributes: attributes(chance(50) ? ["owner": person()] : [:]),
                        parents: Set(some("Folder", 40, below: number))))
            }
            if chance(85) {
                var fields: [String: Value] = ["level": .int(Int64.random(in: 1...5, using: &random))]
                if chance(60) { fields["manager"] = person() }
                var parents = Set(some("Group", 30))
                if chance(20) { parents.insert(EntityUID(type: "Role", id: "editor")) }
                found.append(Entity(uid: uid("User", number), attributes: attributes(fields), parents: parents))
            }
            if chance(85) {
                found.append(
                    Entity(
                        uid: uid("Doc", number),
                        attributes: attributes([
                            "owner": person(), "level": .int(Int64.random(in: 1...5, using: &random)),
                            "open": .bool(chance(50)),
                            "readers": .set(ValueSet(some("User", 30).map { .entity($0) })),
                        ]), parents: Set(some("Folder", 30))))
            }
        }
        return found
    }
}
