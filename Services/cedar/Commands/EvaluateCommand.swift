import ArgumentParser
import Cedar

struct EvaluateCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Print the value of an expression.",
        discussion: "What the expression does not speak of need not be given.")

    @OptionGroup var request: RequestOptions
    @OptionGroup var schema: SchemaOptions
    @Option(help: ArgumentHelp("Entities, a JSON array.", valueName: "file"))
    var entities: String?
    @Flag(inversion: .prefixedNo, help: "Whether a schema, where there is one, has to allow a request that is whole.")
    var requestValidation = true
    @Argument var expression: String

    func run(in terminal: any Terminal) throws -> ExitStatus {
        let schema = try schema.load()
        let request = try request.load(schema)
        let source = Source(name: "<expression>", text: expression)
        let expr = try Fault.reading(source) { () throws(Diagnostics) in try Expr(parsing: expression) }
        try checkAvailable(expr, request, source)
        let entities = try Entities.loadValid(entities, schema)
        if requestValidation, let schema, let request = try? request.complete() {
            try request.check(by: schema)
        }
        // Nothing asks for the ones that are not given.
        let nobody = EntityUID(type: "None", id: "")
        let whole = AuthorizationRequest(
            principal: request.principal ?? nobody, action: request.action ?? nobody,
            resource: request.resource ?? nobody, context: request.context ?? .empty)
        do throws(EvaluationError) {
            terminal.print(try Evaluator(request: whole, entities: entities).evaluate(expr).text)
            return .done
        } catch {
            throw Fault("the expression has no value: \(error)")
        }
    }

    /// - Throws: where the expression speaks of what is not given.
    private func checkAvailable(_ expr: Expr, _ request: PartialRequest, _ source: Source) throws(Fault) {
        var missing: Set<Variable> = []
        if request.principal == nil { missing.insert(.principal) }
        if request.action == nil { missing.insert(.action) }
        if request.resource == nil { missing.insert(.resource) }
        guard let use = expr.firstUse(of: missing), case .variable(let variable) = use.kind else { return }
        let problem = Diagnostic(
            "`\(variable.rawValue)` is not known", at: use.range, help: "give --\(variable.rawValue)")
        throw Fault(Diagnostics(problem), in: source)
    }
}

extension Expr {
    /// The first of some variables in the order of the text.
    fileprivate func firstUse(of variables: Set<Variable>) -> Expr? {
        if case .variable(let variable) = kind, variables.contains(variable) { return self }
        var found: Expr?
        kind.forEachChild { found = found ?? $0.firstUse(of: variables) }
        return found
    }
}
