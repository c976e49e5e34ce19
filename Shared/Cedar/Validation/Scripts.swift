/// What Unicode says of scalars in identifiers.
struct UnicodeScripts: Sendable {
    static let shared = UnicodeScripts()

    private struct Run: Sendable {
        let first: UInt32
        let last: UInt32
        let set: Int
    }

    /// In order.
    private let scriptRuns: [Run]
    private let allowedRuns: [Run]
    private let scriptSets: [Set<String>]
    private let any: Set<String> = ["*"]

    private init() {
        scriptRuns = Self.unpack(UnicodeTables.scripts, hasSets: true)
        allowedRuns = Self.unpack(UnicodeTables.allowedInIdentifiers, hasSets: false)
        scriptSets = UnicodeTables.scriptSets.split(separator: " ").map { names in
            var rest = names
            var set: Set<String> = []
            while !rest.isEmpty {
                set.insert(String(rest.prefix(4)))
                rest = rest.dropFirst(4)
            }
            return Self.augmented(set)
        }
    }

    /// With the writing systems that mix scripts: a Japanese text has Han, Hiragana and Katakana.
    private static func augmented(_ scripts: Set<String>) -> Set<String> {
        var result = scripts
        if scripts.contains("Hani") { result.formUnion(["Hanb", "Jpan", "Kore"]) }
        if scripts.contains("Hira") || scripts.contains("Kana") { result.insert("Jpan") }
        if scripts.contains("Hang") { result.insert("Kore") }
        if scripts.contains("Bopo") { result.insert("Hanb") }
        return result
    }

    private static func unpack(_ text: String, hasSets: Bool) -> [Run] {
        let numbers = text.split(separator: " ").compactMap { UInt32($0, radix: 36) }
        let step = hasSets ? 3 : 2
        var next: UInt32 = 0
        return stride(from: 0, through: numbers.count - step, by: step).map { index in
            let first = next + numbers[index]
            let last = first + numbers[index + 1]
            next = last + 1
            return Run(first: first, last: last, set: hasSets ? Int(numbers[index + 2]) : 0)
        }
    }

    private static func run(of scalar: Unicode.Scalar, in runs: [Run]) -> Run? {
        var (low, high) = (0, runs.count)
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].last < scalar.value { low = middle + 1 } else { high = middle }
        }
        return low < runs.count && runs[low].first <= scalar.value ? runs[low] : nil
    }

    /// Whether identifiers should have it.
    func isAllowedInIdentifiers(_ scalar: Unicode.Scalar) -> Bool {
        Self.run(of: scalar, in: allowedRuns) != nil
    }

    /// Whether all scalars of a text are of one script, or of scripts that are used together (UTS #39, 5.1).
    func isOfOneScript(_ text: String) -> Bool {
        var common: Set<String>?
        for scalar in text.unicodeScalars {
            let scripts = Self.run(of: scalar, in: scriptRuns).map { scriptSets[$0.set] } ?? ["Zzzz"]
            if scripts == any { continue }
            let both = common.map { $0.intersection(scripts) } ?? scripts
            if both.isEmpty { return false }
            common = both
        }
        return true
    }
}
