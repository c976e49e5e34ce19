import Cedar
import StrictJSON

/// A set of policies, read: what is decided by, before it is compiled.
public struct LoadedPolicies: Sendable {
    public let schema: Schema
    public let policies: PolicySet
    public let assertable: AssertableAttributes
    /// The file that each policy and template stands in.
    public let paths: [PolicyID: String]

    /// Reads every file but the tests.
    /// - Throws: everything that is wrong, each message with its path before it.
    public init(_ content: PolicyContent) throws(Diagnostics) {
        var faults: [Diagnostic] = []
        func reading<T>(_ path: String, _ body: () throws(Diagnostics) -> T) -> T? {
            do {
                return try body()
            } catch {
                faults += error.all.map { $0.located(in: path, text: content.files[path]) }
                return nil
            }
        }
        let schema = reading(PolicyContent.schemaPath) { () throws(Diagnostics) in
            try Schema(parsing: content.files[PolicyContent.schemaPath] ?? "")
        }
        var policies = PolicySet()
        var paths: [PolicyID: String] = [:]
        for (path, text) in content.policyFiles {
            guard
                let found = reading(
                    path,
                    { () throws(Diagnostics) in
                        try PolicySet(parsing: text) { index, policy in
                            policy.annotation("id").map { PolicyID($0) }
                                ?? PolicyID("\(path.dropLast(".cedar".count))#\(index)")
                        }
                    })
            else { continue }
            for policy in found.templates + found.policies {
                do {
                    try policies.add(policy)
                    paths[policy.id] = path
                } catch {
                    faults.append(
                        Diagnostic("the id \(policy.id) is taken", at: policy.range).located(in: path, text: text))
                }
            }
        }
        if let text = content.files[PolicyContent.linksPath] {
            for link in reading(PolicyContent.linksPath, { () throws(Diagnostics) in try TemplateLinks.read(text) })
                ?? []
            {
                do { try policies.link(link) } catch {
                    faults.append(Diagnostic("\(PolicyContent.linksPath): \(error)"))
                }
            }
        }
        let assertable = content.files[PolicyContent.attributesPath].map { text in
            reading(PolicyContent.attributesPath) { () throws(Diagnostics) in try AssertableAttributes(parsing: text) }
        }
        guard faults.isEmpty, let schema else { throw Diagnostics(faults) }
        self.schema = schema
        self.policies = policies
        self.assertable = (assertable ?? nil) ?? AssertableAttributes()
        self.paths = paths
    }
}

/// `links.json`: `[{"template": "id", "id": "id", "principal": "User::\"a\"", "resource": "…"}]`.
enum TemplateLinks {
    static func read(_ text: String) throws(Diagnostics) -> [TemplateLink] {
        guard let list = try parse(text).array else { throw Diagnostics(Diagnostic("a list of links is expected")) }
        var links: [TemplateLink] = []
        for (index, element) in list.enumerated() {
            guard let object = element.object, let id = object["id"]?.string, let template = object["template"]?.string,
                object.members.allSatisfy({ ["id", "template", "principal", "resource"].contains($0.key) })
            else {
                throw Diagnostics(
                    Diagnostic("[\(index)]: id, template and the values of its slots are expected, all texts"))
            }
            var values: [Slot: EntityUID] = [:]
            for slot in Slot.allCases {
                guard let value = object[slot.rawValue] else { continue }
                guard let text = value.string else {
                    throw Diagnostics(Diagnostic("[\(index)].\(slot.rawValue): an entity is expected"))
                }
                values[slot] = try EntityUID(parsing: text)
            }
            links.append(TemplateLink(id: PolicyID(id), template: PolicyID(template), values: values))
        }
        return links
    }

    static func parse(_ text: String) throws(Diagnostics) -> JSONValue {
        do {
            return try JSONValue(parsing: text, limits: JSONLimits(maxBytes: PolicyContent.maximumBytes))
        } catch { throw Diagnostics(Diagnostic("\(error)")) }
    }
}

extension Diagnostic {
    /// The same, with the file and position in the message, as ranges mean nothing outside their text.
    package func located(in path: String, text: String?) -> Diagnostic {
        var copy = self
        let position = range.flatMap { range in text.map { ":\(SourcePosition(of: range.lower, in: $0))" } } ?? ""
        copy.message = "\(path)\(position): \(message)"
        copy.range = nil
        return copy
    }
}
