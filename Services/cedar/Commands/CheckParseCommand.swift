import ArgumentParser
import Cedar

struct CheckParseCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "check-parse", abstract: "Check that policies, an expression, a schema or entities can be read.",
        discussion: "All that is given is checked; where nothing is, policies are read from standard input.")

    @OptionGroup var policies: PolicyOptions
    @Option(help: "An expression.")
    var expression: String?
    @OptionGroup var schema: SchemaOptions
    @Option(help: ArgumentHelp("Entities, a JSON array.", valueName: "file"))
    var entities: String?

    func run(in terminal: any Terminal) throws -> ExitStatus {
        var status = ExitStatus.done
        /// Nil when the part cannot be read, which is reported.
        func check<T>(_ body: () throws(Fault) -> T) -> T? {
            do throws(Fault) {
                return try body()
            } catch {
                terminal.writeError(error.text)
                status = .failed
                return nil
            }
        }
        let others = [schema.schema, entities, expression]
        if policies.policies != nil || others.allSatisfy({ $0 == nil }) {
            _ = check { () throws(Fault) in try policies.load(terminal) }
        }
        if let expression {
            _ = check { () throws(Fault) in
                try Fault.reading(Source(name: "--expression", text: expression)) { () throws(Diagnostics) in
                    try Expr(parsing: expression)
                }
            }
        }
        let loaded = check { () throws(Fault) in try schema.load() }
        if let entities {
            _ = check { () throws(Fault) in try Entities.loadValid(entities, loaded ?? nil) }
        }
        return status
    }
}
