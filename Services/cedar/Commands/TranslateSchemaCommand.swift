import ArgumentParser
import Cedar

struct TranslateSchemaCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "translate-schema", abstract: "Write a schema as JSON, or JSON as a schema.",
        discussion: "Comments get lost. Names need not be declared: a part of a schema can be translated.")

    @Option(help: "cedar-to-json or json-to-cedar.")
    var direction: Direction
    @Option(name: [.short, .long], help: ArgumentHelp("The schema; else standard input.", valueName: "file"))
    var schema: String?

    func run(in terminal: any Terminal) throws -> ExitStatus {
        let source = try Source(schema, terminal)
        switch direction {
        case .cedarToJSON:
            let fragment = try Fault.reading(source) { () throws(Diagnostics) in
                try SchemaFragment(parsing: source.text)
            }
            terminal.print(fragment.json.encodedString())
        case .jsonToCedar:
            let json = try source.json()
            let text = try Fault.reading(source) { () throws(Diagnostics) in try SchemaFragment(json: json).text }
            terminal.write(text)
        }
        return .done
    }
}
