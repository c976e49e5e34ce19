import ArgumentParser
import Cedar

/// Policies that a command works on.
struct PolicyOptions: ParsableArguments {
    @Option(
        name: [.short, .long], help: ArgumentHelp("Policies and templates; else standard input.", valueName: "file"))
    var policies: String?
    @Option(help: "How they are written; json for names that end so, else cedar.")
    var policyFormat: PolicyFormat?
    @Option(help: "Their ids, where they are written in Cedar: by order (policy0, policy1, …), or by annotation @id.")
    var ids: PolicyNaming = .order
    @Option(
        name: [.customShort("k"), .long], help: ArgumentHelp("What was linked from templates.", valueName: "file"))
    var templateLinked: String?

    func load(_ terminal: any Terminal) throws(Fault) -> LoadedPolicies {
        var loaded = try LoadedPolicies(Source(policies, terminal), policyFormat, ids)
        if let templateLinked { try TemplateLinks(file: templateLinked).apply(to: &loaded.set) }
        return loaded
    }
}

/// Policies with the text they were read from.
struct LoadedPolicies {
    var set: PolicySet
    let source: Source

    init(_ source: Source, _ format: PolicyFormat?, _ naming: PolicyNaming) throws(Fault) {
        self.source = source
        switch format ?? (source.name.hasSuffix(".json") ? .json : .cedar) {
        case .cedar:
            set = try Fault.reading(source) { () throws(Diagnostics) in
                try PolicySet(parsing: source.text) { _, policy in
                    guard naming == .annotation, let id = policy.annotation("id"), !id.isEmpty else { return policy.id }
                    return PolicyID(id)
                }
            }
        case .json:
            let json = try source.json()
            set = try Fault.reading(source) { () throws(Diagnostics) in
                // A single policy has an effect, a set does not.
                guard json["effect"] != nil else { return try PolicySet(json: json) }
                let policy = try Policy(json: json, id: "policy0")
                var set = PolicySet()
                do throws(PolicySetError) { try set.add(policy) } catch {
                    throw Diagnostics(Diagnostic(error.description))
                }
                return set
            }
        }
    }
}
