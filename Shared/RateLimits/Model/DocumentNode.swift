import StrictJSON
import Yams

/// A piece of a document, YAML or JSON, that knows where it stands.
struct DocumentNode {
    enum Content {
        /// `quoted`: a string, whatever it reads like. Otherwise a number, a word, true or false, by its text.
        case scalar(String, quoted: Bool)
        case sequence([DocumentNode])
        case mapping([(key: String, place: Place, value: DocumentNode)])
    }

    struct Place {
        var pointer = ""
        var line: Int?
        var column: Int?

        func inside(_ part: String) -> Place {
            let escaped = part.replacing("~", with: "~0").replacing("/", with: "~1")
            return Place(pointer: pointer + "/" + escaped, line: line, column: column)
        }

        func fault(_ message: String) -> LimitFault {
            LimitFault(message, pointer: pointer, line: line, column: column)
        }
    }

    var content: Content
    var place: Place

    /// How it is called in a message.
    var kind: String {
        switch content {
        case .scalar(let text, let quoted): quoted ? "the text \"\(text.prefix(40))\"" : "\(text.prefix(40))"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}

extension DocumentNode {
    init(json: JSONValue, place: Place = Place()) {
        self.place = place
        switch json {
        case .null: content = .scalar("null", quoted: false)
        case .bool(let value): content = .scalar(value ? "true" : "false", quoted: false)
        case .int(let value): content = .scalar(String(value), quoted: false)
        case .double(let value): content = .scalar(String(value), quoted: false)
        case .string(let value): content = .scalar(value, quoted: true)
        case .array(let values):
            content = .sequence(
                values.enumerated().map { DocumentNode(json: $0.element, place: place.inside(String($0.offset))) })
        case .object(let object):
            content = .mapping(
                object.members.map { member in
                    let place = place.inside(member.key)
                    return (member.key, place, DocumentNode(json: member.value, place: place))
                })
        }
    }

    /// Reads YAML 1.1 as Yams does. Aliases may be used, but not to make a document grow without bound.
    init(yaml: String) throws(LimitFaults) {
        guard yaml.utf8.count <= 1 << 20 else { throw LimitFaults(LimitFault("longer than 1 MiB", pointer: "")) }
        let root: Node?
        do {
            root = try Yams.compose(yaml: yaml)
        } catch {
            throw LimitFaults(Self.fault(of: error))
        }
        guard let root else { throw LimitFaults(LimitFault("the document is empty", pointer: "", line: 1, column: 1)) }
        var reading = YAMLReading()
        self = try reading.node(root, place: Place(), depth: 0)
    }

    private static func fault(of error: any Error) -> LimitFault {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            LimitFault("not YAML: \(problem)", pointer: "", line: mark.line, column: mark.column)
        case .reader(let problem, _, _, _): LimitFault("not YAML: \(problem)", pointer: "")
        case .duplicatedKeysInMapping(let duplicates, let context):
            LimitFault(
                "given twice: \(duplicates.sorted().joined(separator: ", "))", pointer: "", line: context.mark.line,
                column: context.mark.column)
        default: LimitFault("not YAML", pointer: "")
        }
    }
}

/// Turns what Yams composed into nodes, within bounds.
private struct YAMLReading {
    private var nodes = 0

    mutating func node(_ node: Node, place: DocumentNode.Place, depth: Int) throws(LimitFaults) -> DocumentNode {
        var place = place
        if let mark = node.mark {
            place.line = mark.line
            place.column = mark.column
        }
        nodes += 1
        guard nodes <= 500_000, depth <= 16 else { throw LimitFaults(place.fault("too large or too deep")) }
        switch node {
        case .scalar(let scalar):
            return DocumentNode(content: .scalar(scalar.string, quoted: scalar.style != .plain), place: place)
        case .sequence(let sequence):
            var elements: [DocumentNode] = []
            for (offset, element) in sequence.enumerated() {
                elements.append(try self.node(element, place: place.inside(String(offset)), depth: depth + 1))
            }
            return DocumentNode(content: .sequence(elements), place: place)
        case .mapping(let mapping):
            var members: [(key: String, place: DocumentNode.Place, value: DocumentNode)] = []
            for (key, value) in mapping {
                guard case .scalar(let name) = key else {
                    throw LimitFaults(place.fault("a name in a mapping must be a plain text"))
                }
                var keyPlace = place.inside(name.string)
                if let mark = key.mark {
                    keyPlace.line = mark.line
                    keyPlace.column = mark.column
                }
                members.append((name.string, keyPlace, try self.node(value, place: keyPlace, depth: depth + 1)))
            }
            return DocumentNode(content: .mapping(members), place: place)
        case .alias:
            throw LimitFaults(place.fault("an alias that refers to nothing"))
        }
    }
}
