import Cedar

/// A message with the line that it is about:
///
///     error: unexpected `)`
///       --> policies.cedar:2:15
///        |
///      2 | when { 1 + ) };
///        |            ^ expected a number
///        = help: …
enum Excerpt {
    /// Columns of a line that are shown; of a longer one those around the mistake.
    private static let width = 100

    static func report(_ kind: String, _ diagnostic: Diagnostic, in source: Source) -> String {
        report(
            kind, diagnostic.message, expected: diagnostic.expected, help: diagnostic.help, at: diagnostic.range,
            in: source)
    }

    static func report(
        _ kind: String, _ message: String, expected: [String] = [], help: String?, at range: SourceRange?,
        in source: Source
    ) -> String {
        var lines = ["\(kind): \(Printable.text(message))"]
        let expectation = expected.isEmpty ? nil : "expected " + Printable.text(expected.joined(separator: " or "))
        var gutter = "  "
        if let range, !source.text.isEmpty {
            let excerpt = Line(of: range, in: source)
            let number = "\(excerpt.position.line)"
            gutter = String(repeating: " ", count: number.utf8.count + 1)
            lines.append("\(gutter)--> \(Printable.text(source.name)):\(excerpt.position)")
            lines.append("\(gutter) |")
            lines.append(" \(number) | \(excerpt.text)")
            lines.append("\(gutter) | \(excerpt.caret)" + (expectation.map { " \($0)" } ?? ""))
        } else {
            lines.append("  --> \(Printable.text(source.name))")
            if let expectation { lines.append("\(gutter) = \(expectation)") }
        }
        if let help { lines.append("\(gutter) = help: \(Printable.text(help))") }
        return lines.map { $0 + "\n" }.joined()
    }

    /// The line where a range begins, as it is shown.
    private struct Line {
        let position: Source.Position
        let text: String
        let caret: String

        init(of range: SourceRange, in source: Source) {
            position = source.position(of: range.lower)
            let bytes = source.text.utf8
            let offset = min(max(range.lower, 0), bytes.count)
            let place = bytes.index(bytes.startIndex, offsetBy: offset)
            let start =
                bytes[..<place].lastIndex(of: UInt8(ascii: "\n")).map { bytes.index(after: $0) } ?? bytes.startIndex
            let end = bytes[place...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
            let upper = bytes.index(
                place, offsetBy: min(max(range.upper - offset, 0), bytes.distance(from: place, to: end)))
            func part(_ range: Range<String.Index>) -> [Unicode.Scalar] {
                Array(Printable.text(String(decoding: bytes[range], as: UTF8.self).trimmedReturn).unicodeScalars)
            }
            let before = part(start..<place)
            let marked = part(place..<upper)
            let after = part(upper..<end)
            let all = before + marked + after
            let first = before.count <= Excerpt.width * 2 / 3 ? 0 : before.count - Excerpt.width / 3
            let last = min(all.count, first + Excerpt.width)
            let lead = first > 0 ? "…" : ""
            text = lead + String(String.UnicodeScalarView(all[first..<last])) + (last < all.count ? "…" : "")
            let indent = String(repeating: " ", count: before.count - first + (first > 0 ? 1 : 0))
            caret = indent + String(repeating: "^", count: max(1, min(marked.count, last - before.count)))
        }
    }
}

extension String {
    /// Without the carriage return of a line end.
    fileprivate var trimmedReturn: String { unicodeScalars.last == "\r" ? String(unicodeScalars.dropLast()) : self }
}
