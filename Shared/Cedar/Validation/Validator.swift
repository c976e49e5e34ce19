/// Judges policies, entities and requests by a schema.
///
/// A policy that passes in strict mode cannot fail for a wrong type or a missing attribute, when the entities and the
/// request pass too.
public struct Validator: Sendable {
    public let mode: ValidationMode
    let index: SchemaIndex

    public var schema: Schema { index.schema }

    public init(schema: Schema, mode: ValidationMode = .strict) {
        index = SchemaIndex(schema)
        self.mode = mode
    }

    /// Checks policies, templates and what was made of these.
    ///
    /// - Parameter maximumDereferences: when given, policies may look up no more than that many entities one through
    ///   another, beginning with those of the request.
    public func validate(_ policies: PolicySet, maximumDereferences: Int? = nil) -> ValidationReport {
        var report = ValidationReport()
        let links = Dictionary(policies.links.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        for policy in policies.policies {
            validate(policy, link: links[policy.id], maximumDereferences: maximumDereferences, into: &report)
        }
        for template in policies.templates {
            validate(template, link: nil, maximumDereferences: maximumDereferences, into: &report)
        }
        return report
    }

    /// Checks one policy or template.
    public func validate(_ policy: Policy, maximumDereferences: Int? = nil) -> ValidationReport {
        var report = ValidationReport()
        validate(policy, link: nil, maximumDereferences: maximumDereferences, into: &report)
        return report
    }

    private func validate(
        _ policy: Policy, link: TemplateLink?, maximumDereferences: Int?, into report: inout ValidationReport
    ) {
        var check = PolicyCheck(index: index, mode: mode, maximumDereferences: maximumDereferences, policy: policy)
        if let link { check.runLinked(link) } else { check.run() }
        report.errors += check.errors
        report.warnings += check.warnings
    }
}
