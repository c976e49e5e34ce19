import Foundation
import StrictJSON
import Testing

@testable import Cedar

@Suite("Mistakes in schemas")
struct SchemaErrorTests {
    /// What is wrong, as `line:column message`.
    private static func problems(_ text: String) -> [String] {
        do throws(Diagnostics) {
            _ = try Schema(parsing: text)
            return []
        } catch {
            return error.all.map { problem in
                let place = problem.range.map { SourcePosition(of: $0.lower, in: text).description } ?? "nowhere"
                return "\(place) \(problem.description)"
            }
        }
    }

    struct Example: Sendable, CustomTestStringConvertible {
        let text: String
        let problems: [String]

        init(_ text: String, _ problems: String...) {
            self.text = text
            self.problems = problems
        }

        var testDescription: String { text }
    }

    static let syntax = [
        Example("entity A", "1:9 the text ends too early; expected `;` (a declaration ends with `;`)"),
        Example(
            "entity A { a Long };\nentity B { b: };",
            "1:14 unexpected `Long`; expected `:` (an optional attribute is written `name?: Type`)",
            "2:15 unexpected `}`; expected a type"),
        // Where only the semicolon is missing, nothing is skipped.
        Example(
            "entity A\nentity B;",
            "2:1 unexpected `entity`; expected `;` (a declaration ends with `;`)"),
        Example("entity A = B;", "1:12 unexpected `B`; expected `{`"),
        Example(
            "entity A { a: \"Long\" };",
            "1:15 unexpected `\"Long\"`; expected a type (the name of a type is written without quotation marks)"),
        Example("type T = [Long];", "1:10 unexpected `[`; expected a type (a set is written `Set<…>`)"),
        Example("type T = Set<Long;", "1:18 unexpected `;`; expected `>`"),
        Example(
            "entity A { a: Long; b: Long };",
            "1:19 unexpected `;`; expected `,` or `}` (attributes are separated by commas, and the record is closed with `}`)",
            "1:21 unexpected `b`; expected `entity` or `action` or `type` or `namespace`"),
        Example("entity A enum [];", "1:16 unexpected `]`; expected a string"),
        Example("entity A enum [\"a\",];", "1:20 unexpected `]`; expected a string"),
        Example("entity in;", "1:8 `in` is a reserved word"),
        Example("entity __cedar;", "1:8 `__cedar` is reserved"),
        Example("entity A { if: Long };", "1:12 `if` is a reserved word (write it as a string: `\"if\"`)"),
        Example("namespace __cedar::A {}", "1:11 `__cedar` is reserved"),
        Example("type Long = String;", "1:6 no common type can be called `Long`"),
        Example("@a @b @a(\"x\") entity E;", "1:8 the annotation `a` is given twice"),
        Example("@a(b) entity E;", "1:4 unexpected `b`; expected a string"),
        Example(
            "namespace A {\n  entity E;\n};",
            "3:2 unexpected `;`; expected `entity` or `action` or `type` or `namespace` (no `;` follows a namespace)"),
        Example(
            "namespace A { namespace B {} }",
            "1:15 unexpected `namespace`; expected `entity` or `action` or `type` or `}` "
                + "(namespaces do not nest: write `namespace A::B { … }`)"),
        Example("namespace A {", "1:14 the text ends too early; expected a declaration or `}`"),
        Example(
            "action a appliesTo {};",
            "1:21 unexpected `}`; expected `principal` or `resource` or `context`"),
        Example(
            "entity E; action a appliesTo { principal: [], principal: E, context: {}, context: E };",
            "1:18 `appliesTo` of the action `a` has no `resource`",
            "1:32 `principal` of the action `a` names no entity type (leave out `appliesTo` for a group of actions)",
            "1:47 `principal` is given twice for the action `a`",
            "1:74 `context` is given twice for the action `a`"),
        Example(
            "action a in B::c;",
            "1:17 unexpected `;`; expected `::` (an action of another namespace is written `A::Action::\"id\"`)"),
        Example("action a in [];", "1:14 unexpected `]`; expected a name or a string"),
        Example("entity \"A\";", "1:8 unexpected `\"A\"`; expected a name"),
        Example(
            "action \"\\q\";",
            "1:9 `\\q` is no escape (escapes are `\\n`, `\\r`, `\\t`, `\\\\`, `\\0`, `\\'`, `\\\"`, `\\x41` and `\\u{1F600}`)"
        ),
        Example("entity A {\n  é: Long\n};", "2:3 unexpected `é`; expected the name of an attribute or `}`"),
        Example("entity 日;", "1:8 unexpected `日`; expected a name"),
        Example("entity A; entity B, A;", "1:21 the entity type `A` is declared twice"),
        Example("action a, \"a\";", "1:11 the action `a` is declared twice"),
        Example("type T = Long;\ntype T = Long;", "2:6 the common type `T` is declared twice"),
        Example(
            "namespace A {}\nnamespace A {}",
            "2:11 the namespace `A` is declared twice (write all its declarations into one block)"),
        // Each mistake is told, in order.
        Example(
            "entity A {;\nnamespace N { entity ; action ; type T; entity Fine; }\nentity B in ;",
            "1:11 unexpected `;`; expected the name of an attribute or `}`",
            "2:22 unexpected `;`; expected a name", "2:31 unexpected `;`; expected a name or a string",
            "2:39 unexpected `;`; expected `=`", "3:13 unexpected `;`; expected an entity type or `[`"),
    ]

    static let meaning = [
        Example(
            "entity User { a: Usr, b: String2 } tags Nope;",
            "1:18 unknown type `Usr` in the entity type `User` (did you mean `User`?)",
            "1:26 unknown type `String2` in the entity type `User` (did you mean `String`?)",
            "1:41 unknown type `Nope` in the entity type `User` (`Nope` is not declared)"),
        Example(
            "namespace N { entity A { a: Foo } in B::C; }",
            "1:35 unexpected `in`; expected `;` (a declaration ends with `;`)"),
        Example(
            "namespace N { entity A in B::C { a: Foo }; }",
            "1:27 unknown entity type `B::C` in the entity type `N::A` (`B::C` is not declared)",
            "1:37 unknown type `Foo` in the entity type `N::A` (neither `N::Foo` nor `Foo` is declared)"),
        Example(
            "entity A { a: Boolean };", "1:15 unknown type `Boolean` in the entity type `A` (did you mean `Bool`?)"),
        Example(
            "action a in [b, N::Action::\"c\"];",
            "1:14 unknown action `Action::\"b\"` in the action `Action::\"a\"`",
            "1:17 unknown action `N::Action::\"c\"` in the action `Action::\"a\"`"),
        Example(
            "type A = Set<B>;\ntype B = { c: C };\ntype C = A;\ntype D = A; entity E { d: D };",
            "1:6 common types refer to each other in a circle: `A` → `B` → `C` → `A`"),
        Example("type A = A;", "1:6 common types refer to each other in a circle: `A` → `A`"),
        Example(
            "action a in b; action b in a;",
            "1:8 actions are in each other in a circle: `Action::\"a\"` → `Action::\"b\"` → `Action::\"a\"`"),
        Example(
            "type T = Long;\nnamespace N { entity T; }",
            "2:22 `N::T` shadows `T` (rename one of them, or move `T` into a namespace)"),
        Example(
            "action a;\nnamespace N { action a; }",
            "2:22 `N::Action::\"a\"` shadows `Action::\"a\"` (rename one of them, or move `Action::\"a\"` into a namespace)"
        ),
        Example(
            "entity Action;",
            "1:8 no entity type can be called `Action` (this is the type of actions, which are declared with `action`)"),
        Example(
            "action a; entity E in Action;",
            "1:23 `Action` is the type of actions; the entity type `E` cannot refer to it here"),
        Example(
            "entity E; action a appliesTo { principal: E, resource: E, context: T }; type T = Set<Long>;",
            "1:68 the context of the action `Action::\"a\"` is no record"),
        Example(
            "entity E; action a appliesTo { principal: E, resource: E, context: E };",
            "1:68 unknown common type `E` in the action `Action::\"a\"` (`E` is not declared)"),
    ]

    @Test("every mistake is told, with its place", arguments: syntax + meaning)
    func messages(example: Example) { #expect(Self.problems(example.text) == example.problems) }

    @Test("what the fragments of a schema say twice or to each other is told")
    func fragments() throws {
        func problems(_ texts: String...) throws -> [String] {
            let fragments = try texts.map { try SchemaFragment(parsing: $0) }
            return #expect(throws: Diagnostics.self) { try Schema(fragments) }?.all.map(\.message) ?? []
        }
        #expect(try problems("entity A;", "entity A;") == ["the entity type `A` is declared twice"])
        #expect(try problems("type A = Long;", "type A = Long;") == ["the common type `A` is declared twice"])
        #expect(try problems("action a;", "action a;") == ["the action `Action::\"a\"` is declared twice"])
        #expect(try problems("entity A;", "namespace N { type A = Long; }") == ["`N::A` shadows `A`"])
        #expect(try problems("type A = N::B;", "namespace N { type B = A; }").count == 1)
        let together = try Schema([
            try SchemaFragment(parsing: "namespace N { entity A in M::B; }"),
            try SchemaFragment(json: ["M": ["entityTypes": ["B": [:]], "actions": [:]]]),
            try SchemaFragment(parsing: "namespace N { entity C { a: A }; }"),
        ])
        #expect(together.entityTypes.count == 3)
    }

    @Test("mistakes in JSON are told with their paths")
    func json() throws {
        let json = try JSONValue(
            parsing: """
                {"N": {"entityTypes": {"a/b": {}, "E": {"shape": {"type": "Record", "atributes": {}}, "tags": {"type": "Set"}}},
                "actions": {"a": {"memberOf": [{"id": 1}], "appliesTo": {"principalTypes": ["E", "in"], "resourceTypes": "E"}}},
                "commonTypes": {"T": {"type": "Extension", "name": "decimals"}, "Set": {"type": "Long"}}}}
                """)
        let problems = #expect(throws: Diagnostics.self) { try SchemaFragment(json: json) }
        #expect(
            problems?.all.map(\.description).sorted() == [
                "/N/actions/a/appliesTo/principalTypes/1: `in` is no name of a type",
                "/N/actions/a/appliesTo/resourceTypes: this must be an array",
                "/N/actions/a/memberOf/0/id: this must be a string",
                "/N/commonTypes/Set: no common type can be called `Set`",
                "/N/commonTypes/T/name: there is no extension type `decimals` (did you mean `decimal`?)",
                "/N/entityTypes/E/shape: the format has no member `atributes` here (did you mean `attributes`?)",
                "/N/entityTypes/E/shape: the member `attributes` is missing",
                "/N/entityTypes/E/tags: the member `element` is missing",
                "/N/entityTypes/a~1b: `a/b` is no name of a type",
            ])
    }

    /// The reference reads an array where an object should be as the values of its members in the order in which its
    /// source code declares them; the format does not say so, and we do not.
    @Test(
        "an array is no object",
        arguments: [
            #"{"": {"entityTypes": {"E": []}, "actions": {}}}"#, #"{"": {"entityTypes": {}, "actions": {"a": []}}}"#,
            #"{"": {"entityTypes": {}, "actions": {"a": {"memberOf": [["b", "Action"]]}, "b": {}}}}"#,
        ])
    func arrays(text: String) throws {
        let json = try JSONValue(parsing: text)
        #expect(throws: Diagnostics.self) { try Schema(json: json) }
    }
}
