import ArgumentParser
import Cedar

extension ValidationMode: ExpressibleByArgument {}

struct ValidateCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check policies by a schema.",
        discussion: """
            With --batch, standard input has one JSON object a line, {"policies": path, "schema": path}, and is answered \
            with one line each, {"valid": bool, "errors": [text]} or {"error"}.
            """)

    @OptionGroup var policies: PolicyOptions
    @OptionGroup var schema: SchemaOptions
    @Option(help: "strict, or permissive: only what would fail when it is evaluated.")
    var validationMode: ValidationMode = .strict
    @Flag(help: "Whether warnings make the policies invalid.")
    var denyWarnings = false
    @Option(help: "How many entities policies may look up one through another.")
    var level: Int?
    @Flag(help: "Check many sets of policies, read from standard input.")
    var batch = false

    func validate() throws {
        if let level, level < 0 { throw ValidationError("--level counts from 0") }
        if batch {
            guard [policies.policies, policies.templateLinked, schema.schema].allSatisfy({ $0 == nil }) else {
                throw ValidationError("--batch reads paths from standard input")
            }
        } else if schema.schema == nil {
            throw ValidationError("--schema is needed")
        }
    }

    func run(in terminal: any Terminal) throws -> ExitStatus {
        if batch {
            let batch = ValidateBatch(
                naming: policies.ids, policyFormat: policies.policyFormat, schemaFormat: schema.schemaFormat,
                mode: validationMode, level: level, deniesWarnings: denyWarnings)
            try BatchLines(terminal).answer(batch.answer)
            return .done
        }
        let policies = try policies.load(terminal)
        guard let schema = try schema.load() else { throw Fault("there is no schema") }
        let report = Validator(schema: schema, mode: validationMode).validate(policies.set, maximumDereferences: level)
        for (kind, issues) in [("error", report.errors), ("warning", report.warnings)] {
            for issue in issues { terminal.writeError(text(kind, issue, policies.source)) }
        }
        let isValid = report.isValid && (report.warnings.isEmpty || !denyWarnings)
        terminal.print(
            "\(isValid ? "VALID" : "INVALID"): \(count(report.errors, "error")), \(count(report.warnings, "warning"))")
        return isValid ? .done : .invalid
    }

    private func text(_ kind: String, _ issue: ValidationIssue, _ source: Source) -> String {
        Excerpt.report(kind, issue.about, help: issue.help, at: issue.range, in: source)
    }

    private func count(_ issues: [ValidationIssue], _ noun: String) -> String {
        "\(issues.count) \(noun)\(issues.count == 1 ? "" : "s")"
    }
}
