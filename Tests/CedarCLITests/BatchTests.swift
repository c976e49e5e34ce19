import StrictJSON
import Testing

@testable import CedarCLI

@Suite("Batches")
struct BatchTests {
    private let folder: Folder

    init() throws {
        folder = try Folder()
        try folder.write(
            "p.cedar",
            """
            @id("see") permit (principal == User::"alice", action, resource);
            forbid (principal, action, resource) when { context.ip.isInRange(ip("10.0.0.0/8")) };
            """)
        try folder.write("bad.cedar", "permit (principal, action, resource) when { 1 + };")
        try folder.write(
            "s.cedarschema",
            "entity User, Photo; action view appliesTo {principal: User, resource: Photo, context: {ip: ipaddr, n?: Long}};"
        )
    }

    private func line(
        policies: String = "p.cedar", schema: String? = nil, context: JSONValue = [:],
        principal: JSONValue = ["type": "User", "id": "alice"], action: JSONValue = "Action::\"view\""
    ) -> String {
        let json: JSONValue = [
            "policies": .string(folder.path + "/" + policies),
            "schema": schema.map { .string(folder.path + "/" + $0) } ?? .null, "entities": .null,
            "requests": [
                [
                    "principal": principal, "action": action, "resource": ["type": "Photo", "id": "x"],
                    "context": context,
                ]
            ],
        ]
        return json.encodedString() + "\n"
    }

    private func answers(_ input: String, _ arguments: String...) throws -> [JSONValue] {
        let run = Run(["authorize", "--batch"] + arguments, input: input)
        #expect(run.status == .done)
        #expect(run.errors == "")
        return try run.lines()
    }

    private func answer(_ decision: String, _ reason: [String], _ errors: [String]) -> JSONValue {
        [
            "responses": [
                [
                    "decision": .string(decision), "reason": .array(reason.map { .string($0) }),
                    "errors": .array(errors.map { .string($0) }),
                ]
            ]
        ]
    }

    @Test("ids are those of the order, or of annotations where these are asked for")
    func ids() throws {
        #expect(try answers(line()) == [answer("allow", ["policy0"], ["policy1"])])
        #expect(try answers(line(), "--ids", "annotation") == [answer("allow", ["see"], ["policy1"])])
    }

    @Test("with a schema contexts are read by it, and requests that do not conform are decided all the same")
    func schema() throws {
        let inside = answer("deny", ["policy1"], [])
        #expect(try answers(line(schema: "s.cedarschema", context: ["ip": "10.1.2.3"])) == [inside])
        #expect(try answers(line(schema: "s.cedarschema", context: ["ip": "10.1.2.3", "x": 1])) == [inside])
        #expect(
            try answers(line(schema: "s.cedarschema", context: ["n": 1])) == [answer("allow", ["policy0"], ["policy1"])]
        )
        #expect(
            try answers(line(schema: "s.cedarschema", action: "Action::\"other\"")) == [
                answer("allow", ["policy0"], ["policy1"])
            ])
        #expect(
            try answers(line(schema: "s.cedarschema", context: ["ip": "10.1.2.3"], principal: "Stranger::\"x\"")) == [
                inside
            ])
    }

    @Test("lines that cannot be processed are answered with an error, and the others go on")
    func broken() throws {
        let lines = [
            "no json", "", "{}", "[]", "{\"requests\": 1}", "{\"policies\": 1, \"requests\": []}", "{\"a\": \u{0}}",
            "{\"policies\": \"/nowhere/at/all\", \"requests\": []}", "{\"policies\": \"/\", \"requests\": []}",
            String(repeating: "[", count: 100_000),
        ]
        let input =
            lines.map { $0 + "\n" }.joined() + line(policies: "bad.cedar") + line(schema: "bad.cedar")
            + line(principal: 1) + line(context: ["a": 1.5]) + line().dropLast()
        let answers = try answers(input)
        #expect(answers.count == lines.count + 5)
        for answer in answers.dropLast() {
            #expect(answer.object?.keys == ["error"])
            #expect(answer["error"]?.string?.isEmpty == false)
        }
        #expect(answers.last == answer("allow", ["policy0"], ["policy1"]))
        #expect(answers[lines.count]["error"]?.string?.contains("bad.cedar:1:49: ") == true)
        #expect(answers[lines.count + 2]["error"]?.string?.hasPrefix("requests[0]: principal: ") == true)
    }

    @Test("bytes that are no text are an error of their line")
    func bytes() throws {
        let folder = try Folder()
        let file = try folder.write("x.cedar", "permit (principal, action, resource);")
        let outcome = try Product.run(
            ["validate", "--batch"],
            input: "{\"policies\": \"\(file)\", \"schema\": \"\(self.folder.path)/s.cedarschema\"}\r\n{\"policies\"\n")
        #expect(outcome.status == 0)
        let lines = try outcome.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        #expect(lines.count == 2)
        #expect(lines.first == ["valid": true, "errors": []])
        #expect(lines.last?["error"] != nil)
    }

    @Test("validation names the policy and the place")
    func validation() throws {
        try folder.write("w.cedar", "permit (principal, action, resource)\nwhen { context.n + 1 > \"a\" };")
        let line: JSONValue = [
            "policies": .string(folder.path + "/w.cedar"), "schema": .string(folder.path + "/s.cedarschema"),
        ]
        let run = Run(["validate", "--batch"], input: line.encodedString() + "\n{\"policies\": \"x\"}\n")
        #expect(run.status == .done)
        let lines = try run.lines()
        #expect(lines.count == 2)
        #expect(lines[0]["valid"] == false)
        #expect(lines[0]["errors"]?.strings?.isEmpty == false)
        #expect(
            lines[0]["errors"]?.strings?.allSatisfy { $0.hasPrefix("2:") && $0.contains("policy `policy0`") } == true)
        #expect(lines[1]["error"] != nil)
    }
}
