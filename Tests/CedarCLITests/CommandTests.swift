import StrictJSON
import Testing

@testable import CedarCLI

@Suite("Commands")
struct CommandTests {
    private let folder: Folder
    private let policies: String
    private let schema: String
    private let entities: String

    init() throws {
        folder = try Folder()
        policies = try folder.write(
            "p.cedar",
            """
            @id("friends")
            permit (principal in Group::"friends", action == Action::"view", resource);
            permit (principal == ?principal, action, resource in ?resource);
            forbid (principal, action, resource) when { resource.isPrivate };
            """)
        schema = try folder.write(
            "s.cedarschema",
            """
            entity Group; entity User in [Group]; entity Photo in [Photo] {isPrivate?: Bool};
            action view, edit appliesTo {principal: User, resource: Photo, context: {}};
            """)
        entities = try folder.write(
            "e.json",
            """
            [{"uid": {"type": "User", "id": "alice"}, "attrs": {}, "parents": [{"type": "Group", "id": "friends"}]},
             {"uid": {"type": "Photo", "id": "x"}, "attrs": {"isPrivate": false}, "parents": []},
             {"uid": {"type": "Photo", "id": "secret"}, "attrs": {"isPrivate": true}, "parents": []}]
            """)
    }

    private func authorize(
        _ more: String..., principal: String = "User::\"alice\"", action: String = "Action::\"view\"",
        resource: String = "Photo::\"x\""
    ) -> Run {
        Run(
            [
                "authorize", "-p", policies, "--entities", entities, "-l", principal, "-a", action, "-r", resource,
            ] + more)
    }

    @Test("the exit status tells the decision")
    func decisions() {
        let allowed = authorize()
        #expect(allowed.status == .done && allowed.output == "ALLOW\n" && allowed.errors == "")
        let denied = authorize(resource: "Photo::\"secret\"")
        #expect(denied.status == .denied && denied.output == "DENY\n")
        let failing = authorize(resource: "Photo::\"unknown\"")
        #expect(failing.status == .done && failing.output == "ALLOW\n")
        #expect(failing.errors == "cedar: policy `policy2` has no value: there is no entity `Photo::\"unknown\"`\n")
        #expect(authorize(principal: "alice").status == .failed)
        #expect(Run("authorize", "-p", policies, "-l", "User::\"a\"").status == .failed)
        #expect(Run("authorize", "--unknown").status == .failed)
        #expect(Run("authorize", "--batch", "-p", policies).status == .failed)
        #expect(ExitStatus.done.rawValue == 0 && ExitStatus.failed.rawValue == 1)
        #expect(ExitStatus.denied.rawValue == 2 && ExitStatus.invalid.rawValue == 3)
    }

    @Test("what decided is named when it is asked for")
    func verbose() {
        #expect(authorize("--verbose").output == "ALLOW\n\nbecause of these policies:\n  policy0\n")
        #expect(authorize("--verbose", "--ids", "annotation").output.hasSuffix("\n  friends\n"))
        #expect(authorize("-v", action: "Action::\"edit\"").output == "DENY\n\nno policy applies to this request\n")
        #expect(authorize("--timing").errors.hasPrefix("cedar: decided in "))
    }

    @Test("requests stand in a file, too; a schema refuses what it does not allow")
    func requests() throws {
        let request = try folder.write(
            "r.json",
            #"{"principal": "User::\"alice\"", "action": {"type": "Action", "id": "view"}, "resource": "Photo::\"x\"", "context": {}}"#
        )
        let arguments = ["authorize", "-p", policies, "--entities", entities, "--request-json", request]
        #expect(Run(arguments).output == "ALLOW\n")
        #expect(Run(arguments + ["-s", schema]).output == "ALLOW\n")
        #expect(Run(arguments + ["--principal", "User::\"bob\""]).status == .failed)
        let wrong = authorize("-s", schema, principal: "Group::\"friends\"")
        #expect(wrong.status == .failed && wrong.errors.contains("takes no principal of type `Group`"))
        #expect(authorize("-s", schema, "--no-request-validation", principal: "Group::\"friends\"").output == "ALLOW\n")
    }

    @Test("entities have to be what the schema says of them")
    func entitiesAndSchema() throws {
        let wrong = try folder.write(
            "w.json", #"[{"uid": {"type": "Photo", "id": "x"}, "attrs": {"isPrivate": 1}, "parents": []}]"#)
        #expect(Run("check-parse", "--entities", wrong).status == .done)
        let run = Run("check-parse", "--entities", wrong, "-s", schema)
        #expect(run.status == .failed && run.errors.hasPrefix("error: entity `Photo::\"x\"`: "))
    }

    @Test("policies come from standard input and from JSON")
    func sources() throws {
        let json = try folder.write(
            "p.json", Run("translate-policy", "--direction", "cedar-to-json", "-p", policies).output)
        let request = ["-l", "User::\"alice\"", "-a", "Action::\"view\"", "-r", "Photo::\"x\"", "--entities", entities]
        #expect(Run(["authorize", "-p", json] + request).output == "ALLOW\n")
        #expect(Run(["authorize"] + request, input: try folder.read("p.cedar")).output == "ALLOW\n")
        #expect(
            Run(["authorize", "--policy-format", "json"] + request, input: try folder.read("p.json")).output
                == "ALLOW\n")
        let single =
            #"{"effect": "permit", "principal": {"op": "All"}, "action": {"op": "All"}, "resource": {"op": "All"}, "conditions": []}"#
        #expect(
            Run(["authorize", "--policy-format", "json", "-v"] + request, input: single).output.hasSuffix("  policy0\n")
        )
    }

    @Test("expressions have values")
    func evaluate() {
        #expect(Run("evaluate", "1 + 2 * 3").output == "7\n")
        #expect(
            Run("evaluate", #"[{"a b": ip("10.0.0.1"), c: -1}, User::"a"]"#).output
                == "[User::\"a\", {\"a b\": ip(\"10.0.0.1\"), c: -1}]\n")
        #expect(
            Run("evaluate", "-l", "User::\"alice\"", "--entities", entities, "principal in Group::\"friends\"").output
                == "true\n")
        let overflow = Run("evaluate", "9223372036854775807 + 1")
        #expect(overflow.status == .failed && overflow.errors.contains("more than 64 bits"))
        let missing = Run("evaluate", "1 == principal.age")
        #expect(missing.status == .failed)
        #expect(missing.errors.contains(" 1 | 1 == principal.age\n   |      ^^^^^^^^^\n   = help: give --principal"))
    }

    @Test("validation has a status of its own")
    func validate() throws {
        let valid = Run("validate", "-p", policies, "-s", schema)
        #expect(valid.status == .invalid && valid.output.hasPrefix("INVALID: 1 error"))
        #expect(valid.errors.contains("error: policy `policy2`"))
        let good = try folder.write("good.cedar", "permit (principal, action, resource);")
        #expect(Run("validate", "-p", good, "-s", schema).output == "VALID: 0 errors, 0 warnings\n")
        let impossible = try folder.write("warn.cedar", "permit (principal, action, resource) when { false };")
        #expect(Run("validate", "-p", impossible, "-s", schema).status == .done)
        #expect(Run("validate", "-p", impossible, "-s", schema, "--deny-warnings").status == .invalid)
        let mixed = try folder.write("mixed.cedar", "permit (principal, action, resource) unless { principal == 1 };")
        #expect(Run("validate", "-p", mixed, "-s", schema).status == .invalid)
        #expect(Run("validate", "-p", mixed, "-s", schema, "--validation-mode", "permissive").status == .done)
        let deep = try folder.write(
            "deep.cedar", "permit (principal, action, resource) when { resource has isPrivate };")
        #expect(Run("validate", "-p", deep, "-s", schema, "--level", "0").status == .invalid)
        #expect(Run("validate", "-p", deep, "-s", schema, "--level", "1").status == .done)
        #expect(Run("validate", "-p", good).status == .failed)
        let json = try folder.write(
            "s.json", Run("translate-schema", "--direction", "cedar-to-json", "-s", schema).output)
        #expect(Run("validate", "-p", good, "-s", json).status == .done)
    }

    @Test("a mistake is shown where it is")
    func carets() throws {
        let wrong = try folder.write("wrong.cedar", "permit (principal, action, resource)\n\twhen { \"é\" == 1 + };\n")
        let run = Run("check-parse", "-p", wrong)
        #expect(run.status == .failed && run.output == "")
        let lines = run.errors.split(separator: "\n").map(String.init)
        #expect(lines.count >= 5)
        #expect(lines[0].hasPrefix("error: "))
        #expect(lines[1] == "  --> \(wrong):2:20")
        #expect(lines[3] == " 2 |  when { \"é\" == 1 + };")
        #expect(lines[4].hasPrefix("   |                    ^ expected "))
        let json = Run("check-parse", "--entities", try folder.write("x.json", "[{]"))
        #expect(json.errors.contains(":1:3\n") && json.errors.contains(" 1 | [{]\n   |   ^"))
        let long = Run("check-parse", "--expression", String(repeating: "1 + ", count: 100) + ")\u{1B}[2J")
        #expect(long.errors.contains("…") && long.errors.contains("\\u{1b}") && !long.errors.contains("\u{1B}"))
        #expect(long.errors.split(separator: "\n").allSatisfy { $0.count < 250 })
    }

    @Test("all that is given is checked")
    func checkParse() {
        #expect(
            Run("check-parse", "-p", policies, "-s", schema, "--entities", entities, "--expression", "1").status
                == .done)
        #expect(Run("check-parse", input: "permit (principal, action, resource);").status == .done)
        #expect(Run("check-parse", input: "permit").status == .failed)
        let two = Run("check-parse", "--expression", "1 +", "-s", policies)
        #expect(two.status == .failed)
        #expect(two.errors.contains("--expression:1:4") && two.errors.contains("p.cedar:2:1"))
        #expect(
            Run("check-parse", "--entities", "/nowhere/at/all").errors.hasPrefix("error: cannot read /nowhere/at/all: ")
        )
    }

    @Test("formatting")
    func format() throws {
        let source = "permit(principal,action,resource)when{true};// end\n"
        let file = try folder.write("f.cedar", source)
        let text = "permit (principal, action, resource)\nwhen { true }; // end\n"
        #expect(Run("format", "-p", file).output == text)
        #expect(Run("format", input: source).output == text)
        #expect(Run("format", "-p", file, "--check").status == .failed)
        #expect(try folder.read("f.cedar") == source)
        #expect(Run("format", "-p", file, "--write").output == "")
        #expect(try folder.read("f.cedar") == text)
        #expect(Run("format", "-p", file, "--check").status == .done)
        #expect(
            Run("format", "--line-width", "20", "--indent-width", "4", input: source).output.contains(
                "\n    principal,\n"))
        #expect(Run("format", "--write", input: source).status == .failed)
        #expect(Run("format", input: "permit").status == .failed)
    }

    @Test("templates are linked, and links are kept in a file")
    func link() throws {
        let links = folder.path + "/links.json"
        let values = #"{"?principal": "User::\"bob\"", "?resource": "Photo::\"x\""}"#
        let arguments = ["link", "-p", policies, "--template-id", "policy1", "-k", links, "-a", values]
        let run = Run(arguments + ["-n", "bobs"])
        #expect(run.status == .done)
        #expect(run.output == "permit (principal == User::\"bob\", action, resource in Photo::\"x\");\n")
        #expect(
            try JSONValue(parsing: try folder.read("links.json"))
                == [
                    [
                        "template_id": "policy1", "link_id": "bobs",
                        "args": ["?principal": "User::\"bob\"", "?resource": "Photo::\"x\""],
                    ]
                ])
        #expect(authorize(principal: "User::\"bob\"").status == .denied)
        #expect(authorize("-k", links, "-v", principal: "User::\"bob\"").output.hasSuffix("  bobs\n"))
        #expect(Run(arguments + ["-n", "bobs"]).errors.contains("`bobs` already"))
        #expect(Run(arguments + ["-n", "again"]).status == .done)
        #expect(Run(["link", "-p", policies, "--template-id", "policy1", "-n", "x", "-a", "{}"]).status == .failed)
        #expect(Run(["link", "-p", policies, "--template-id", "nothing", "-n", "x", "-a", values]).status == .failed)
        #expect(
            Run(["link", "-p", policies, "--template-id", "policy1", "-n", "x", "-a", #"{"?x": ""}"#]).status == .failed
        )
    }

    @Test("policies and schemas are translated there and back")
    func translate() throws {
        let json = Run("translate-policy", "--direction", "cedar-to-json", "-p", policies).output
        let text = Run("translate-policy", "--direction", "json-to-cedar", input: json).output
        // Templates come first; from then on nothing changes.
        let again = Run("translate-policy", "--direction", "cedar-to-json", input: text).output
        #expect(Run("translate-policy", "--direction", "json-to-cedar", input: again).output == text)
        #expect(text.contains("principal in Group::\"friends\""))
        let schemaJSON = Run("translate-schema", "--direction", "cedar-to-json", "-s", schema).output
        let schemaText = Run("translate-schema", "--direction", "json-to-cedar", input: schemaJSON).output
        #expect(Run("translate-schema", "--direction", "cedar-to-json", input: schemaText).output == schemaJSON)
        #expect(Run("translate-schema", "--direction", "json-to-cedar", input: "{").status == .failed)
        #expect(Run("translate-policy", "--direction", "sideways").status == .failed)
    }

    @Test("what is unknown of a request leaves policies over")
    func partial() throws {
        let arguments = ["partially-authorize", "-p", policies, "--entities", entities, "-a", "Action::\"view\""]
        let run = Run(arguments + ["-l", "User::\"alice\""])
        #expect(run.status == .undecided)
        #expect(
            run.output.hasPrefix(
                "UNDECIDED\n\n// what is left of policy2\nforbid (principal, action, resource)\nwhen { resource.isPrivate };\n"
            ))
        let json = try JSONValue(parsing: Run(arguments + ["-l", "User::\"alice\"", "--output", "json"]).output)
        #expect(json["decision"] == .null)
        #expect(json["satisfied"] == ["policy0"])
        #expect(json["residuals"]?["staticPolicies"]?.object?.keys == ["policy2"])
        #expect(Run(arguments + ["-l", "User::\"alice\"", "-r", "Photo::\"secret\""]).status == .denied)
        #expect(Run(arguments + ["-l", "User::\"alice\"", "-r", "Photo::\"x\""]).output == "ALLOW\n")
        #expect(Run(arguments + ["-l", "User::\"bob\""]).status == .denied)
    }

    @Test("help is no error; a deep text is")
    func processes() throws {
        let help = try Product.run(["--help"])
        #expect(help.status == 0 && help.output.contains("partially-authorize") && help.errors == "")
        let deep = try Product.run(["evaluate", "--", String(repeating: "(", count: 60_000)])
        #expect(deep.status == 1 && deep.errors.contains("levels of nesting"))
        let denied = try Product.run(
            ["authorize", "-p", policies, "-l", "User::\"a\"", "-a", "Action::\"a\"", "-r", "Photo::\"a\""])
        #expect(denied.status == 2 && denied.output == "DENY\n")
        #expect(try Product.run(["validate", "-p", policies, "-s", schema]).status == 3)
    }
}
