import SecurityClient
import StrictJSON

/// What differs between two sets, file by file and line by line.
struct PolicyDiff: Sendable, Equatable {
    enum Kind: String, Sendable { case added, removed, changed }

    let path: String
    let kind: Kind
    /// Lines with `+`, `-` or a space before them: those that differ and three around them.
    let lines: [String]

    var json: JSONValue {
        [
            "path": .string(path), "change": .string(kind.rawValue), "lines": .array(lines.map { .string($0) }),
        ]
    }

    static func between(_ before: PolicyContent, _ after: PolicyContent) -> [PolicyDiff] {
        Set(before.files.keys).union(after.files.keys).sorted().compactMap { path in
            let (old, new) = (before.files[path], after.files[path])
            guard old != new else { return nil }
            return PolicyDiff(
                path: path, kind: old == nil ? .added : new == nil ? .removed : .changed,
                lines: lines(old ?? "", new ?? ""))
        }
    }

    private static let context = 3

    private static func lines(_ before: String, _ after: String) -> [String] {
        func split(_ text: String) -> [Substring] {
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            if lines.last?.isEmpty == true { lines.removeLast() }
            return lines
        }
        let (old, new) = (split(before), split(after))
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        // Myers' algorithm takes time with the square of what differs: very different texts are shown whole.
        if old.count + new.count > 20_000 {
            removed = Set(old.indices)
            inserted = Set(new.indices)
        } else {
            for change in new.difference(from: old) {
                switch change {
                case .remove(let offset, _, _): removed.insert(offset)
                case .insert(let offset, _, _): inserted.insert(offset)
                }
            }
        }
        var all: [(mark: String, line: Substring)] = []
        var (i, j) = (0, 0)
        while i < old.count || j < new.count {
            if i < old.count, removed.contains(i) {
                all.append(("-", old[i]))
                i += 1
            } else if j < new.count, inserted.contains(j) {
                all.append(("+", new[j]))
                j += 1
            } else {
                all.append((" ", old[i]))
                i += 1
                j += 1
            }
        }
        let changed = all.indices.filter { all[$0].mark != " " }
        var shown = Set<Int>()
        for index in changed { shown.formUnion(max(0, index - context)...min(all.count - 1, index + context)) }
        return shown.sorted().map { all[$0].mark + all[$0].line }
    }
}
