import Cedar
import StrictJSON

/// A file with what was made of templates: `[{"template_id", "link_id", "args": {"?principal": "User::\"alice\""}}]`.
struct TemplateLinks {
    private(set) var links: [TemplateLink]

    /// - Parameter mayBeMissing: whether a file that does not exist counts as an empty one.
    init(file path: String, mayBeMissing: Bool = false) throws(Fault) {
        links = []
        if mayBeMissing, !FileStatus.exists(path) { return }
        let source = try Source(file: path)
        // What `touch` makes.
        if source.text.isEmpty { return }
        guard let documents = try source.json().array else {
            throw Fault(Diagnostics(Diagnostic("template links are an array")), in: source)
        }
        for (index, document) in documents.enumerated() {
            do throws(Diagnostics) {
                links.append(try TemplateLinks.link(document))
            } catch {
                throw Fault(Diagnostics(error.all.map { Diagnostic("[\(index)]: \($0)") }), in: source)
            }
        }
    }

    mutating func append(_ link: TemplateLink) { links.append(link) }

    /// Adds them to the templates.
    func apply(to policies: inout PolicySet) throws(Fault) {
        for link in links {
            do throws(PolicySetError) { try policies.link(link) } catch { throw Fault(error.description) }
        }
    }

    var json: JSONValue {
        .array(
            links.map { link in
                let values = link.values.sorted { $0.key.rawValue < $1.key.rawValue }
                return [
                    "template_id": .string(link.template.text.string), "link_id": .string(link.id.text.string),
                    "args": .object(JSONObject(values.map { ("?\($0.key.rawValue)", .string($0.value.description)) })),
                ]
            })
    }

    private static func link(_ json: JSONValue) throws(Diagnostics) -> TemplateLink {
        guard let template = json["template_id"]?.string, let id = json["link_id"]?.string, let arguments = json["args"]
        else { throw Diagnostics(Diagnostic("a link is an object with `template_id`, `link_id` and `args`")) }
        return TemplateLink(id: PolicyID(id), template: PolicyID(template), values: try values(arguments))
    }

    /// Entities by the slots they fill: `{"?principal": "User::\"alice\""}`.
    static func values(_ json: JSONValue) throws(Diagnostics) -> [Slot: EntityUID] {
        guard let object = json.object else { throw Diagnostics(Diagnostic("slots are filled by an object")) }
        var values: [Slot: EntityUID] = [:]
        for (key, value) in object.members {
            guard let slot = Slot.allCases.first(where: { "?\($0.rawValue)" == key }) else {
                throw Diagnostics(Diagnostic("there is no slot `\(key)`", expected: ["`?principal`", "`?resource`"]))
            }
            guard let text = value.string else { throw Diagnostics(Diagnostic("\(key): not a string with an entity")) }
            values[slot] = try EntityUID(parsing: text)
        }
        return values
    }
}
