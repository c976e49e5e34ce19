import StrictJSON
import Testing

@testable import Cedar

@Suite("Schemas in both formats")
struct SchemaRoundTripTests {
    @Test("made-up schemas mean what they should, and both formats keep it")
    func random() throws {
        var written = 0
        for seed in UInt64(0)..<400 {
            let random = RandomSchema(seed: seed)
            let schema = try Schema([random.fragment])
            #expect(schema == random.schema, "seed \(seed)")
            #expect(try Schema(json: random.fragment.json) == schema, "seed \(seed)")
            // What the Cedar format cannot say is not written wrongly.
            guard let text = try? random.fragment.text else { continue }
            written += 1
            let fragment = try SchemaFragment(parsing: text)
            #expect(try Schema([fragment]) == schema, "seed \(seed): \(text)")
            #expect(try fragment.text == text, "seed \(seed)")
            #expect(try Schema(json: fragment.json) == schema, "seed \(seed)")
        }
        #expect(written > 100)
    }

    @Test("the fragments of a schema may be in different texts")
    func fragments() throws {
        for seed in UInt64(0)..<100 {
            let random = RandomSchema(seed: seed)
            let parts = random.fragment.namespaces.map { SchemaFragment(namespaces: [$0]) }
            #expect(try Schema(parts.reversed()) == random.schema, "seed \(seed)")
        }
    }

    @Test("the text is written plainly")
    func text() throws {
        let source = """
            @doc("all") namespace A::B {
              type T = {"in": Long, a?: Set<{}>};
              @b @c("") entity E, F in [E] {t: T} tags String;
              entity G enum ["x", "\\n"];
              action "a b", c in ["d", Action::"e"] appliesTo {resource: F, principal: [E, F]};
              action d; action e appliesTo {principal: E, resource: E, context: {x: __cedar::Bool}};
            }
            entity Z;
            """
        let expected = #"""
            entity Z;

            @doc("all")
            namespace A::B {
              type T = {
                "in": Long,
                a?: Set<{}>,
              };

              @b
              @c("")
              entity E, F in [E] = {
                t: T,
              } tags String;

              entity G enum ["x", "\n"];

              action "a b", "c" in ["d", Action::"e"] appliesTo {
                principal: [E, F],
                resource: [F]
              };

              action "d";

              action "e" appliesTo {
                principal: [E],
                resource: [E],
                context: {
                  x: __cedar::Bool,
                }
              };
            }

            """#
        #expect(try SchemaFragment(parsing: source).text == expected)
    }

    @Test("the JSON has the members that the format knows")
    func json() throws {
        let fragment = try SchemaFragment(
            parsing: """
                type T = {};
                @a entity E in [E] { @b x?: Set<T> } tags __cedar::Long;
                entity F enum ["x"];
                action g;
                action a in [g, A::Action::"h"] appliesTo { principal: E, resource: E, context: T };
                """)
        let expected = try JSONValue(
            parsing: """
                {"": {"commonTypes": {"T": {"type": "Record", "attributes": {}}},
                "entityTypes": {
                "E": {"memberOfTypes": ["E"], "annotations": {"a": null},
                  "shape": {"type": "Record", "attributes": {"x": {"type": "Set",
                    "element": {"type": "EntityOrCommon", "name": "T"}, "required": false, "annotations": {"b": null}}}},
                  "tags": {"type": "EntityOrCommon", "name": "__cedar::Long"}},
                "F": {"enum": ["x"]}},
                "actions": {"g": {}, "a": {
                  "memberOf": [{"id": "g"}, {"type": "A::Action", "id": "h"}],
                  "appliesTo": {"principalTypes": ["E"], "resourceTypes": ["E"], "context": {"type": "T"}}}}}}
                """)
        #expect(fragment.json == expected)
        #expect(try SchemaFragment(json: expected).json == expected)
    }

    @Test(
        "what only JSON can say is not written as Cedar text",
        arguments: [
            #"""
            "commonTypes": {"T": {"type": "Record", "attributes": {}}},
            "entityTypes": {"E": {"shape": {"type": "T"}}}, "actions": {}
            """#,
            #"""
            "commonTypes": {"E": {"type": "Long"}},
            "entityTypes": {"E": {"tags": {"type": "Entity", "name": "E"}}}, "actions": {}
            """#,
            #"""
            "entityTypes": {}, "actions": {"a": {"appliesTo":
            {"principalTypes": ["E"], "resourceTypes": ["E"], "context": {"type": "Long"}}}}
            """#,
        ])
    func unsayable(members: String) throws {
        for namespace in ["", "N"] {
            let fragment = try SchemaFragment(json: try JSONValue(parsing: "{\"\(namespace)\": {\(members)}}"))
            #expect(throws: Diagnostics.self) { try fragment.text }
            #expect(try SchemaFragment(json: fragment.json) == fragment)
        }
    }

    @Test("an action that applies to no resource has no appliesTo in the text")
    func emptyLists() throws {
        let fragment = try SchemaFragment(
            json: [
                "": [
                    "entityTypes": ["E": [:]],
                    "actions": ["a": ["appliesTo": ["principalTypes": ["E"], "resourceTypes": []]]],
                ]
            ])
        #expect(try fragment.text == "entity E;\n\naction \"a\";\n")
        #expect(try Schema([fragment]).actions.values.first?.principals == [Name(unchecked: "E")])
    }
}
