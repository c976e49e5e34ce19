import ArgumentParser
import Cedar
import StrictJSON

/// How an answer is printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

struct PartiallyAuthorizeCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "partially-authorize",
        abstract: "Decide a request of which parts are not known, or print what the decision depends on.",
        discussion: """
            What is not given of principal, action, resource and context is unknown. Prints ALLOW, DENY or UNDECIDED; in \
            the last case with what is left of the policies: policies that decide the whole request as the given ones do.
            """)

    @OptionGroup var request: RequestOptions
    @OptionGroup var policies: PolicyOptions
    @OptionGroup var schema: SchemaOptions
    @Option(help: ArgumentHelp("Entities, a JSON array.", valueName: "file"))
    var entities: String?
    @Option(help: "How to print the answer: text or json.")
    var output: OutputFormat = .text
    @Flag(name: [.short, .long], help: "Say how long deciding took.")
    var timing = false

    func run(in terminal: any Terminal) throws -> ExitStatus {
        let schema = try schema.load()
        let request = try request.load(schema)
        let entities = try Entities.loadValid(entities, schema)
        let policies = try policies.load(terminal).set
        let start = ContinuousClock.now
        let response = policies.partiallyAuthorize(request, entities: entities)
        if timing { terminal.note("decided in \((ContinuousClock.now - start) / .microseconds(1)) µs") }
        switch output {
        case .text: printText(response, terminal)
        case .json: terminal.print(try json(response).encodedString())
        }
        switch response.decision {
        case .allow: return .done
        case .deny: return .denied
        case nil: return .undecided
        }
    }

    private func printText(_ response: PartialResponse, _ terminal: any Terminal) {
        terminal.print(response.decision.map { $0 == .allow ? "ALLOW" : "DENY" } ?? "UNDECIDED")
        for error in response.errors {
            terminal.note(Printable.text("policy `\(error.policy)` has no value: \(error.error)"))
        }
        guard response.decision == nil else { return }
        for residual in response.residuals {
            let id = Printable.text(residual.id.description)
            terminal.print("\n// what is left of \(id)\n" + residual.text)
        }
    }

    private func json(_ response: PartialResponse) throws(Fault) -> JSONValue {
        func ids(_ ids: [PolicyID]) -> JSONValue { .array(ids.map { .string($0.text.string) }) }
        let residuals: PolicySet
        do throws(PolicySetError) { residuals = try PolicySet(response.residuals) } catch { throw Fault("\(error)") }
        return [
            "decision": response.decision.map { .string($0.rawValue) } ?? .null, "satisfied": ids(response.satisfied),
            "errors": ids(response.errors.map(\.policy)), "residuals": residuals.json,
        ]
    }
}
