import ArgumentParser
import Cedar

struct AuthorizeCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "authorize", abstract: "Decide a request: prints ALLOW or DENY.",
        discussion: """
            With --batch, standard input has one JSON object a line, {"policies": path, "entities": path or null, \
            "schema": path or null, "requests": [{"principal", "action", "resource", "context"}]}, and is answered with one \
            line each, {"responses": [{"decision", "reason", "errors"}]} or {"error"}.
            """)

    @OptionGroup var request: RequestOptions
    @OptionGroup var policies: PolicyOptions
    @OptionGroup var schema: SchemaOptions
    @Option(help: ArgumentHelp("Entities, a JSON array.", valueName: "file"))
    var entities: String?
    @Flag(inversion: .prefixedNo, help: "Whether a schema, where there is one, has to allow the request.")
    var requestValidation = true
    @Flag(name: [.short, .long], help: "Name the policies that decided.")
    var verbose = false
    @Flag(name: [.short, .long], help: "Say how long deciding took.")
    var timing = false
    @Flag(help: "Decide many requests, read from standard input.")
    var batch = false

    func validate() throws {
        if batch {
            let given = [
                request.principal, request.action, request.resource, request.context, request.requestJson,
                policies.policies, policies.templateLinked, schema.schema, entities,
            ]
            guard given.allSatisfy({ $0 == nil }) else {
                throw ValidationError("--batch reads paths and requests from standard input")
            }
        }
    }

    func run(in terminal: any Terminal) throws -> ExitStatus {
        if batch {
            let batch = AuthorizeBatch(
                naming: policies.ids, policyFormat: policies.policyFormat, schemaFormat: schema.schemaFormat)
            try BatchLines(terminal).answer(batch.answer)
            return .done
        }
        let schema = try schema.load()
        let request = try request.load(schema).complete()
        let entities = try Entities.loadValid(entities, schema)
        let policies = try policies.load(terminal).set
        if requestValidation, let schema {
            try request.check(by: schema)
        }
        let start = ContinuousClock.now
        let response = policies.authorize(request, entities: entities)
        let elapsed = ContinuousClock.now - start
        return report(response, elapsed, policies, terminal)
    }

    private func report(
        _ response: AuthorizationResponse, _ elapsed: Swift.Duration, _ policies: PolicySet, _ terminal: any Terminal
    ) -> ExitStatus {
        if timing { terminal.note("decided in \(elapsed / .microseconds(1)) µs") }
        terminal.print(response.decision == .allow ? "ALLOW" : "DENY")
        for error in response.errors {
            terminal.note(Printable.text("policy `\(error.policy)` has no value: \(error.error)"))
        }
        if verbose {
            terminal.print(
                response.reasons.isEmpty ? "\nno policy applies to this request" : "\nbecause of these policies:")
            for reason in response.reasons { terminal.print("  " + Printable.text(reason.description)) }
        }
        return response.decision == .allow ? .done : .denied
    }
}

extension Entities {
    /// The actions of a schema, with the groups they are in.
    static func actions(of schema: Schema) -> Entities { (try? Entities(schema.actionEntities)) ?? .none }
}
