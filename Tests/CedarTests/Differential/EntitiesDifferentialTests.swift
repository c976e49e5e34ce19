import StrictJSON
import Testing

@testable import Cedar

/// Documents of entities that are mostly a little wrong: both take or refuse them.
@Suite struct EntitiesDifferentialTests {
    private static let schema = """
        namespace App {
            entity User in [Group, Team] = {
                name: String, age?: Long, boss?: User, "home address": { city: String, net?: __cedar::ipaddr, geo?: { code: Long } },
                limits: Set<__cedar::decimal>, since?: __cedar::datetime, peers?: Set<User>, color?: Color
            } tags Set<String>;
            entity Team in [Group];
            entity Color enum ["red", "green"];
            action view, edit in [all] appliesTo { principal: User, resource: User };
            action all;
        }
        entity Group in [Group];
        """

    /// The parts of documents; mutations put one where another was. None is an array of two strings: the reference takes that for
    /// `{"type", "id"}`, which nothing says of it, and we do not.
    private static let parts: [JSONValue] = [
        nil, true, 1, -5, 1.5, "", "1.5", "10.0.0.0/8", "1970-01-01", "red", [], ["a"], ["1.0", "2.0", "3.0"],
        [1, "a"], [:],
        ["type": "App::User", "id": "a"], ["type": "Group", "id": "g"], ["type": "App::Color", "id": "red"],
        ["type": "App::Color", "id": "blue"], ["type": "App::Action", "id": "all"], ["type": "Nothing", "id": "x"],
        ["type": "App::Team", "id": "t", "more": 1], ["type": "App::User"], ["type": "A B", "id": "x"],
        ["__entity": ["type": "App::User", "id": "b"]], ["__entity": ["type": "Group", "id": "g"], "more": 1],
        ["__entity": ["type": "App::Color", "id": "green"]], ["__entity": "App::User"],
        ["__entity": ["type": "1", "id": "x"]],
        ["__extn": ["fn": "decimal", "arg": "1.5"]], ["__extn": ["fn": "decimal", "arg": "1"]],
        ["fn": "ip", "arg": "::1"],
        ["__extn": ["fn": "ip", "args": ["10.0.0.1"]]], ["__extn": ["fn": "nothing", "arg": "1"]],
        ["__extn": ["fn": "ip"]],
        ["__extn": ["fn": "datetime", "arg": "2024-02-29", "more": 1]], ["__expr": "1"], ["__expr": 1],
        [
            "__extn": [
                "fn": "offset",
                "args": [
                    ["__extn": ["fn": "datetime", "arg": "1970-01-01"]], ["__extn": ["fn": "duration", "arg": "1d"]],
                ],
            ]
        ],
        ["fn": "offset", "args": ["1970-01-01", "1d"]], ["city": "Paris"],
        ["city": "Paris", "net": "::1", "geo": ["code": 1]],
        ["city": "Paris", "more": 1], ["city": 1], [["type": "App::User", "id": "a"]],
        [["__entity": ["type": "App::User", "id": "a"]]],
        [["type": "Group", "id": "g"]], [["type": "Group", "id": "h"], ["type": "App::Team", "id": "t"]],
    ]

    private static let names = [
        "uid", "attrs", "parents", "tags", "name", "age", "boss", "home address", "limits", "since", "peers", "color",
        "city", "net",
        "type", "id", "__entity", "__extn", "other",
    ]

    private static func user(_ id: String) -> JSONValue {
        [
            "uid": ["type": "App::User", "id": .string(id)],
            "attrs": [
                "name": "Alice", "age": 30, "boss": ["__entity": ["type": "App::User", "id": "b"]],
                "home address": ["city": "Paris", "net": ["__extn": ["fn": "ip", "arg": "::1"]]],
                "limits": [["__extn": ["fn": "decimal", "arg": "1.0"]]],
                "peers": [["__entity": ["type": "App::User", "id": "c"]]],
                "color": ["__entity": ["type": "App::Color", "id": "red"]],
            ],
            "parents": [["type": "Group", "id": "g"]], "tags": ["a": ["x"]],
        ]
    }

    private static func document(_ random: inout RandomCase) -> JSONValue {
        let group: JSONValue = [
            "uid": ["type": "Group", "id": "g"], "attrs": [:], "parents": [["type": "Group", "id": "h"]],
        ]
        let action: JSONValue = [
            "uid": ["type": "App::Action", "id": "view"], "attrs": [:],
            "parents": [["type": "App::Action", "id": "all"]],
        ]
        let color: JSONValue = ["uid": ["type": "App::Color", "id": "red"], "attrs": [:], "parents": []]
        var entities = [random.pick([user("a"), group, action, color])]
        if random.chance(30) { entities.append(random.pick([user("a"), user("b"), group, action])) }
        var document = JSONValue.array(entities)
        for _ in 0..<random.pick([0, 1, 1, 1, 2, 2, 3]) { document = mutated(document, &random) }
        return document
    }

    /// The same with a change at one place.
    private static func mutated(_ json: JSONValue, _ random: inout RandomCase) -> JSONValue {
        switch json {
        case .array(var elements) where !elements.isEmpty && random.chance(90):
            let index = random.count(0...(elements.count - 1))
            if random.chance(5) {
                elements.remove(at: index)
            } else {
                elements[index] = mutated(elements[index], &random)
            }
            return .array(elements)
        case .object(var object) where !object.isEmpty && random.chance(90):
            let key = random.pick(object.keys)
            switch random.count(0...11) {
            case 0: object[key] = nil
            case 1: object[random.pick(names)] = random.pick(parts)
            default: object[key] = mutated(object[key] ?? nil, &random)
            }
            return .object(object)
        default: return random.pick(parts)
        }
    }

    /// Why we refuse a document, with conformance to the schema.
    private static func refusal(_ text: String, _ schema: Schema?) throws -> String? {
        let document = try json(text)
        do throws(Diagnostics) {
            let entities = try Entities(json: document, schema: schema)
            guard let schema else { return nil }
            return Validator(schema: schema, mode: .strict).validate(entities: entities).first?.message
        } catch {
            return error.all[0].description
        }
    }

    @Test(arguments: [false, true])
    func mutatedDocuments(typed: Bool) throws {
        var random = RandomCase(seed: DifferentialSize.seed(standard: typed ? 31 : 30))
        let documents = (0..<DifferentialSize.count(standard: 6000)).map { _ in Self.document(&random).encodedString() }
        let schema = typed ? Self.schema : nil
        let parsed = try schema.map { try Schema(parsing: $0) }
        let theirs = try DecisionOracle.refusals(ofEntities: documents, schema: schema)
        var taken = 0
        for (document, theirs) in zip(documents, theirs) {
            let ours = try Self.refusal(document, parsed)
            if theirs == nil { taken += 1 }
            #expect((ours == nil) == (theirs == nil), "\(document)\nours: \(ours ?? "-")\ntheirs: \(theirs ?? "-")")
        }
        print("documents of entities\(typed ? ", typed" : ""): \(documents.count), \(taken) taken")
        #expect(theirs.count == documents.count)
        #expect(taken > documents.count / 10 && taken < documents.count * 9 / 10)
    }
}
