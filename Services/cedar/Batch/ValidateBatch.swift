import Cedar
import StrictJSON

/// Validates the policies of a line of a batch.
struct ValidateBatch {
    let naming: PolicyNaming
    let policyFormat: PolicyFormat?
    let schemaFormat: SchemaFormat?
    let mode: ValidationMode
    let level: Int?
    let deniesWarnings: Bool

    func answer(_ line: JSONValue) throws(Fault) -> JSONValue {
        let policies = try LoadedPolicies(Source(file: line.path("policies")), policyFormat, naming)
        let schema = try Schema.load(Source(file: line.path("schema")), schemaFormat)
        let report = Validator(schema: schema, mode: mode).validate(policies.set, maximumDereferences: level)
        let errors = deniesWarnings ? report.errors + report.warnings : report.errors
        let texts = errors.map { issue in
            let place = issue.range.map { "\(policies.source.position(of: $0.lower)): " } ?? ""
            return JSONValue.string(place + issue.description)
        }
        return ["valid": .bool(errors.isEmpty), "errors": .array(texts)]
    }
}
