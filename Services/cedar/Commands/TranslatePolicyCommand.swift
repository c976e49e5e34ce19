import ArgumentParser
import Cedar

/// From the language to JSON or back.
enum Direction: String, ExpressibleByArgument, CaseIterable {
    case cedarToJSON = "cedar-to-json"
    case jsonToCedar = "json-to-cedar"
}

struct TranslatePolicyCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "translate-policy", abstract: "Write policies as JSON, or JSON as policies.",
        discussion: """
            Comments get lost, and in Cedar so do ids; what was linked from templates is written there with its slots \
            filled.
            """)

    @Option(help: "cedar-to-json or json-to-cedar.")
    var direction: Direction
    @Option(name: [.short, .long], help: ArgumentHelp("Policies; else standard input.", valueName: "file"))
    var policies: String?
    @Option(help: "Ids of the policies in JSON: by order (policy0, policy1, …), or by annotation @id.")
    var ids: PolicyNaming = .order

    func run(in terminal: any Terminal) throws -> ExitStatus {
        let source = try Source(policies, terminal)
        switch direction {
        case .cedarToJSON: terminal.print(try LoadedPolicies(source, .cedar, ids).set.json.encodedString())
        case .jsonToCedar: terminal.write(try LoadedPolicies(source, .json, ids).set.text)
        }
        return .done
    }
}
