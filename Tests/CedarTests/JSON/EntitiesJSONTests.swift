import StrictJSON
import Testing

@testable import Cedar

@Suite struct EntitiesJSONTests {
    private static let schema = """
        entity Group in [Group];
        entity User in [Group] {
            manager?: User, address: { zip?: Long, "net": ipaddr }, limits: Set<decimal>
        } tags datetime;
        entity Color enum ["red", "green"];
        action read; action view in [Action::"read"] appliesTo { principal: User, resource: User, context: { from: ipaddr, who: User } };
        """

    private func read(_ text: String, typed: Bool = false) throws -> Entities {
        try Entities(json: try json(text), schema: typed ? try Schema(parsing: Self.schema) : nil)
    }

    @Test func untyped() throws {
        let entities = try read(
            #"""
            [{"uid": {"type": "User", "id": "a"}, "attrs": {"__entity": {"type": "User", "id": "b"}}, "parents": [], "more": 1},
             {"uid": {"__entity": {"type": "User", "id": "b"}}, "attrs": {"x": {"type": "User", "id": "a"}}, "tags": {"t": [1]},
              "parents": [{"type": "Group", "id": "g"}, {"__entity": {"type": "Group", "id": "h"}}, {"type": "Group", "id": "g"}]}]
            """#)
        let (a, b) = (
            try #require(entities[try entity(#"User::"a""#)]), try #require(entities[try entity(#"User::"b""#)])
        )
        // Attributes are by their names, whatever these are.
        #expect(a.attributes["__entity"] == .record(["type": .string("User"), "id": .string("b")]))
        #expect(a.tags.isEmpty)
        #expect(b.attributes["x"] == .record(["type": .string("User"), "id": .string("a")]))
        #expect(b.tags == ["t": .set(ValueSet([.int(1)]))])
        #expect(b.parents == [try entity(#"Group::"g""#), try entity(#"Group::"h""#)])
    }

    @Test func implicitForms() throws {
        let entities = try read(
            #"""
            [{"uid": {"type": "User", "id": "a"}, "parents": [], "tags": {"since": "1970-01-01"},
              "attrs": {"manager": {"type": "User", "id": "b"}, "address": {"net": "10.0.0.0/8"}, "limits": ["1.0"]}}]
            """#, typed: true)
        let a = try #require(entities[try entity(#"User::"a""#)])
        #expect(a.attributes["manager"] == .entity(try entity(#"User::"b""#)))
        #expect(
            a.attributes["address"] == .record(["net": .extension(.ip(try #require(.init(parsing: "10.0.0.0/8"))))]))
        #expect(a.attributes["limits"] == .set(ValueSet([.extension(.decimal(.init(tenThousandths: 10_000)))])))
        #expect(a.tags["since"] == .extension(.datetime(.init(milliseconds: 0))))
    }

    @Test func actionsOfTheSchema() throws {
        let view =
            #"{"uid": {"type": "Action", "id": "view"}, "attrs": {}, "parents": [{"type": "Action", "id": "read"}]}"#
        for text in ["[]", "[\(view)]"] {
            let entities = try read(text, typed: true)
            #expect(entities.isIn(try entity(#"Action::"view""#), try entity(#"Action::"read""#)))
            #expect(entities.count == 2)
        }
    }

    @Test(arguments: [
        #"[{"uid": {"type": "Action", "id": "view"}, "attrs": {}, "parents": []}]"#,
        #"[{"uid": {"type": "Action", "id": "view"}, "attrs": {"a": 1}, "parents": [{"type": "Action", "id": "read"}]}]"#,
        #"[{"uid": {"type": "Action", "id": "read"}, "attrs": {}, "parents": [], "tags": {"a": 1}}]"#,
        #"[{"uid": {"type": "Action", "id": "other"}, "attrs": {}, "parents": []}]"#,
        #"[{"uid": {"type": "Other", "id": "a"}, "attrs": {}, "parents": []}]"#,
        #"[{"uid": {"type": "Group", "id": "a"}, "attrs": {"x": 1}, "parents": []}]"#,
        #"[{"uid": {"type": "Group", "id": "a"}, "attrs": {}, "parents": [], "tags": {"a": 1}}]"#,
        #"[{"uid": {"type": "User", "id": "a"}, "attrs": {"address": {}, "limits": []}, "parents": []}]"#,
        #"[{"uid": {"type": "User", "id": "a"}, "attrs": {"address": {"net": "x"}, "limits": []}, "parents": []}]"#,
        #"[{"uid": {"type": "User", "id": "a"}, "attrs": {"address": {"net": "::", "y": 1}, "limits": []}, "parents": []}]"#,
        #"[{"uid": {"type": "User", "id": "a"}, "attrs": {"address": {"net": "::"}, "limits": "1.0"}, "parents": []}]"#,
    ])
    func contradictsTheSchema(_ text: String) throws {
        #expect(throws: Diagnostics.self) { try read(text, typed: true) }
        if !text.contains(#""type": "Action""#) { #expect(throws: Never.self) { try read(text) } }
    }

    @Test(arguments: [
        "{}", "[1]", "[{}]", #"[{"uid": "User::\"a\"", "attrs": {}, "parents": []}]"#,
        #"[{"uid": {"type": "User", "id": "a"}, "parents": []}]"#,
        #"[{"uid": {"type": "User", "id": "a"}, "attrs": {}}]"#,
        #"[{"uid": {"type": "User", "id": "a"}, "attrs": [], "parents": []}]"#,
        #"[{"uid": {"type": "User", "id": "a"}, "attrs": {}, "parents": {}}]"#,
        #"[{"uid": {"type": "User", "id": "a"}, "attrs": {}, "parents": [], "tags": null}]"#,
        #"[{"uid": {"type": "User", "id": "a"}, "attrs": {"x": null}, "parents": []}]"#,
        #"[{"uid": {"type": "User", "id": "a"}, "attrs": {}, "parents": ["x"]}]"#,
        #"[{"uid": {"__expr": "User::\"a\""}, "attrs": {}, "parents": []}]"#,
        #"[{"uid": {"type": "User", "id": "a"}, "attrs": {}, "parents": [{"type": "User", "id": "a"}]}]"#,
        #"[{"uid": {"type": "Action", "id": "a"}, "attrs": {}, "parents": [{"type": "User", "id": "a"}]}]"#,
        #"[{"uid": {"type": "U", "id": "a"}, "attrs": {}, "parents": []}, {"uid": {"type": "U", "id": "a"}, "attrs": {"a": 1}, "parents": []}]"#,
    ])
    func refused(_ text: String) throws {
        #expect(throws: Diagnostics.self) { try read(text) }
    }

    @Test func duplicateKeys() throws {
        #expect(throws: JSONParseError.self) {
            try read(#"[{"uid": {"type": "U", "id": "a"}, "attrs": {"a": 1, "a": 1}, "parents": []}]"#)
        }
    }

    @Test func writtenAndReadBack() throws {
        var random = RandomCase(seed: 7)
        for _ in 0..<20 {
            let entities = try Entities(random.entities())
            let read = try Entities(json: try json(try entities.json.encodedString()))
            #expect(read.all == entities.all)
        }
    }

    @Test func contexts() throws {
        let schema = try Schema(parsing: Self.schema)
        let view = try entity(#"Action::"view""#)
        let document = try json(#"{"from": "10.0.0.1", "who": {"type": "User", "id": "a"}}"#)
        let context = try Record(contextJSON: document, schema: schema, action: view)
        #expect(context["who"] == .entity(try entity(#"User::"a""#)))
        #expect(context["from"] == .extension(.ip(try #require(.init(parsing: "10.0.0.1")))))
        #expect(try Record(contextJSON: document)["from"] == .string("10.0.0.1"))
        #expect(throws: Diagnostics.self) { try Record(contextJSON: [:], schema: schema, action: view) }
        #expect(throws: Diagnostics.self) {
            try Record(contextJSON: document, schema: schema, action: try entity(#"Action::"other""#))
        }
        for text in ["[]", "1", #"{"__entity": {"type": "U", "id": "a"}}"#] {
            #expect(throws: Diagnostics.self) { try Record(contextJSON: try json(text)) }
        }
    }

    @Test func requests() throws {
        let written = try AuthorizationRequest(
            json: try json(
                #"""
                {"principal": "A::User::\"a\\\"b\"", "action": {"type": "Action", "id": "view"},
                 "resource": {"__entity": {"type": "Doc", "id": "d"}}, "context": {"a": 1}}
                """#))
        #expect(written.principal == EntityUID(type: Name(unchecked: "A::User"), id: "a\"b"))
        #expect(written.context == ["a": .int(1)])
        #expect(try AuthorizationRequest(json: try written.json) == written)
        for text in ["1", "{}", #"{"principal": "x", "action": "A::\"a\"", "resource": "A::\"a\""}"#] {
            #expect(throws: Diagnostics.self) { try AuthorizationRequest(json: try json(text)) }
        }
    }
}
