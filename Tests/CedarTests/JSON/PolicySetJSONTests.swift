import StrictJSON
import Testing

@testable import Cedar

@Suite("Policy sets in JSON")
struct PolicySetJSONTests {
    private static let policy = #""effect": "permit", "principal": {"op": "All"}, "action": {"op": "All"}"#

    private func set(_ text: String) throws -> PolicySet {
        try PolicySet(json: JSONValue(parsing: Array(text.utf8)))
    }

    @Test("policies, templates and links are read and written")
    func sets() throws {
        var set = try PolicySet(
            parsing: """
                @a("b") @c permit (principal is U in ?principal, action in [Action::"x", Action::"y"], resource == R::"r")
                when { true } unless { false };
                forbid (principal, action == Action::"x", resource is R in G::"g");
                permit (principal == ?principal, action in Action::"z", resource in ?resource);
                """)
        let (alice, file) = (try EntityUID(parsing: #"U::"alice""#), try EntityUID(parsing: #"R::"file""#))
        try set.link(TemplateLink(id: "one", template: "policy0", values: [.principal: alice]))
        try set.link(TemplateLink(id: "two", template: "policy2", values: [.principal: alice, .resource: file]))
        let read = try PolicySet(json: set.json)
        #expect(read.json == set.json)
        #expect(read.links == set.links)
        #expect(read.templates == set.templates.map(\.unplaced))
        #expect(read.policies == set.policies.map(\.unplaced))
        #expect(read.policy("two")?.resource == .in(.entity(file)))
        #expect(set.json["staticPolicies"]?.object?.keys == ["policy1"])
        #expect(set.json["templates"]?["policy0"]?["annotations"] == ["a": "b", "c": nil])
    }

    @Test("scopes have their forms")
    func scopes() throws {
        let policy = try Policy(
            parsing: #"permit (principal is U in ?principal, action in [Action::"x"], resource);"#, id: "p")
        let json = policy.json
        #expect(json["principal"] == ["op": "is", "entity_type": "U", "in": ["slot": "?principal"]])
        #expect(json["action"] == ["op": "in", "entities": [["type": "Action", "id": "x"]]])
        #expect(json["resource"] == ["op": "All"])
        #expect(json["effect"] == "permit")
        #expect(json["conditions"] == [])
        #expect(json["annotations"] == nil)
    }

    @Test(
        "what is no policy set is refused, with its place",
        arguments: [
            (#"{"staticPolicies": {}, "templates": {}}"#, "`templateLinks` is missing"),
            (#"{"staticPolicies": {}, "templates": {}, "templateLinks": [], "links": []}"#, "unknown member `links`"),
            (
                #"{"staticPolicies": {"p": {}}, "templates": {}, "templateLinks": []}"#,
                "staticPolicies.p: `effect` is missing"
            ),
            (#"{"staticPolicies": [], "templates": {}, "templateLinks": []}"#, "staticPolicies: not an object"),
            (
                #"{"staticPolicies": {}, "templates": {"t": {POLICY, "resource": {"op": "All"}, "conditions": []}}, "templateLinks": []}"#,
                "templates.t: a template without a slot"
            ),
            (
                #"{"staticPolicies": {"p": {POLICY, "resource": {"op": "==", "slot": "?resource"}, "conditions": []}}, "templates": {}, "templateLinks": []}"#,
                "a policy with a slot"
            ),
            (
                #"{"staticPolicies": {"p": {POLICY, "resource": {"op": "==", "slot": "?principal"}, "conditions": []}}, "templates": {}, "templateLinks": []}"#,
                "p.resource.slot: not the slot"
            ),
            (
                #"{"staticPolicies": {"p": {POLICY, "resource": {"op": "ALL"}, "conditions": []}}, "templates": {}, "templateLinks": []}"#,
                "resource.op: no operator"
            ),
            (
                #"{"staticPolicies": {"p": {POLICY, "resource": {"op": "All"}, "conditions": [{"kind": "if", "body": {"Value": 1}}]}}, "templates": {}, "templateLinks": []}"#,
                "conditions.0.kind"
            ),
            (
                #"{"staticPolicies": {"p": {POLICY, "resource": {"op": "All"}, "conditions": [], "annotations": {"a b": "c"}}}, "templates": {}, "templateLinks": []}"#,
                "no name of an annotation"
            ),
            (
                #"{"staticPolicies": {"p": {"effect": "permit", "principal": {"op": "All"}, "action": {"op": "==", "entity": {"type": "A", "id": "b"}}, "resource": {"op": "All"}, "conditions": []}}, "templates": {}, "templateLinks": []}"#,
                "is no action"
            ),
            (
                #"{"staticPolicies": {}, "templates": {}, "templateLinks": [{"templateId": "t", "newId": "n", "values": {}}]}"#,
                "templateLinks.0: there is no template `t`"
            ),
            (
                #"{"staticPolicies": {}, "templates": {}, "templateLinks": [{"templateId": "t", "newId": "n", "values": {"?action": {"type": "A", "id": "b"}}}]}"#,
                "unknown member `?action`"
            ),
        ])
    func refused(text: String, message: String) throws {
        let json = try JSONValue(parsing: Array(text.replacing("POLICY", with: Self.policy).utf8))
        let problems = #expect(throws: Diagnostics.self) { _ = try PolicySet(json: json) }
        #expect(problems?.all.first?.description.contains(message) == true, "\(problems?.all.first?.description ?? "")")
    }

    @Test("links fill exactly the slots of their template")
    func links() throws {
        let template = #"{"t": {POLICY, "resource": {"op": "==", "slot": "?resource"}, "conditions": []}}"#
            .replacing("POLICY", with: Self.policy)
        let user = #"{"type": "U", "id": "a"}"#
        for (values, isFine) in [
            (#"{"?resource": \#(user)}"#, true), (#"{"?resource": {"__entity": \#(user)}}"#, true), ("{}", false),
            (#"{"?principal": \#(user)}"#, false), (#"{"?resource": \#(user), "?principal": \#(user)}"#, false),
        ] {
            let text = """
                {"staticPolicies": {}, "templates": \(template), "templateLinks": [
                    {"templateId": "t", "newId": "n", "values": \(values)}]}
                """
            #expect(((try? set(text)) != nil) == isFine, "\(values)")
        }
    }
}
