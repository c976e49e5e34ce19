/// Reads values out of nodes and collects what is wrong with them, so that a document's faults are told all at once.
struct DocumentReader {
    private(set) var faults: [LimitFault] = []

    mutating func fault(_ message: String, at place: DocumentNode.Place) { faults.append(place.fault(message)) }

    /// A mapping's members by name. Names that are not among `known` are faults.
    mutating func members(_ node: DocumentNode, known: [String], of what: String) -> [String: DocumentNode]? {
        guard case .mapping(let members) = node.content else {
            fault("\(what) must be a mapping, not \(node.kind)", at: node.place)
            return nil
        }
        var found: [String: DocumentNode] = [:]
        for member in members {
            if known.contains(member.key) {
                found[member.key] = member.value
            } else {
                let near = Self.nearest(member.key, among: known).map { "; did you mean \($0)?" } ?? ""
                fault("\(what) has no \"\(member.key.prefix(60))\"\(near)", at: member.place)
            }
        }
        return found
    }

    mutating func sequence(_ node: DocumentNode, of what: String) -> [DocumentNode]? {
        if case .sequence(let elements) = node.content { return elements }
        fault("\(what) must be a list, not \(node.kind)", at: node.place)
        return nil
    }

    /// A text; in YAML a number or word serves as well.
    mutating func text(_ node: DocumentNode, _ what: String) -> String? {
        if case .scalar(let text, let quoted) = node.content, quoted || !["", "~", "null"].contains(text) {
            return text
        }
        fault("\(what) must be a text, not \(node.kind)", at: node.place)
        return nil
    }

    mutating func integer(_ node: DocumentNode, _ what: String, in range: ClosedRange<Int64>) -> Int64? {
        guard case .scalar(let text, quoted: false) = node.content, let value = Self.integer(text) else {
            fault("\(what) must be a whole number, not \(node.kind)", at: node.place)
            return nil
        }
        guard range.contains(value) else {
            fault("\(what) must be from \(range.lowerBound) to \(range.upperBound), not \(value)", at: node.place)
            return nil
        }
        return value
    }

    mutating func boolean(_ node: DocumentNode, _ what: String) -> Bool? {
        switch node.content {
        case .scalar("true", quoted: false): return true
        case .scalar("false", quoted: false): return false
        default:
            fault("\(what) must be true or false, not \(node.kind)", at: node.place)
            return nil
        }
    }

    /// One of the words of a type.
    mutating func word<Word: RawRepresentable & CaseIterable>(_ node: DocumentNode, _ what: String) -> Word?
    where Word.RawValue == String {
        if case .scalar(let text, _) = node.content, let word = Word(rawValue: text) { return word }
        let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
        fault("\(what) must be one of \(words), not \(node.kind)", at: node.place)
        return nil
    }

    mutating func span(_ node: DocumentNode, _ what: String, in range: ClosedRange<Int64>) -> Int64? {
        guard case .scalar(let text, _) = node.content, let span = SpanText.milliseconds(text) else {
            fault("\(what) must be a duration such as 500ms, 60s, 5m, 24h or 7d, not \(node.kind)", at: node.place)
            return nil
        }
        guard range.contains(span) else {
            let bounds = "\(SpanText.text(range.lowerBound)) to \(SpanText.text(range.upperBound))"
            fault("\(what) must be from \(bounds), not \(text)", at: node.place)
            return nil
        }
        return span
    }

    /// Decimal digits; `1_000` as YAML writes thousands.
    private static func integer(_ text: String) -> Int64? {
        guard let first = text.utf8.first, first != UInt8(ascii: "_"), first != UInt8(ascii: "+"),
            text.utf8.last != UInt8(ascii: "_")
        else { return nil }
        return Int64(text.replacing("_", with: ""))
    }

    /// The name that was probably meant: at most two letters away.
    private static func nearest(_ name: String, among known: [String]) -> String? {
        guard name.utf8.count <= 40 else { return nil }
        let best = known.map { (name: $0, distance: distance(Array(name.utf8), Array($0.utf8))) }
            .min { $0.distance < $1.distance }
        return best.flatMap { $0.distance <= 2 ? $0.name : nil }
    }

    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for i in a.indices {
            var diagonal = row[0]
            row[0] = i + 1
            for j in b.indices {
                let substituted = diagonal + (a[i] == b[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
            }
        }
        return row[b.count]
    }
}
