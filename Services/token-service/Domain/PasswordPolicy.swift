import Foundation

/// The rules of NIST SP 800-63B-4 section 3.1.1: length and a blocklist, no composition rules, no expiry without reason.
struct PasswordPolicy: Sendable {
    enum Fault: Error, Sendable, Equatable {
        case tooShort(minimum: Int)
        case tooLong(maximum: Int)
        /// On the list of commonly used passwords, or such a word with little about it.
        case common
        /// The user's own name, the service's name or the like with little about it.
        case guessable
        /// One character or a run of neighbours repeated.
        case repetitive
    }

    /// A password that is the only factor has at least 15 characters; used with a second factor, at least eight. An
    /// account whose password is shorter than 15 cannot be used, nor given up its second factor, without one.
    static let minimumAlone = 15
    static let minimumWithFactor = 8
    /// At least 64 must be allowed; the bound only keeps hashing cheap.
    static let maximum = 256

    let blocklist: PasswordBlocklist

    /// - Parameters:
    ///   - hasFactor: the account cannot be used without a second factor.
    ///   - context: words that an attacker tries first: the username, parts of the e-mail, names of the service.
    func check(_ password: Password, hasFactor: Bool, context: [String]) throws(Fault) {
        let minimum = hasFactor ? PasswordPolicy.minimumWithFactor : PasswordPolicy.minimumAlone
        guard password.length >= minimum else { throw .tooShort(minimum: minimum) }
        guard password.length <= PasswordPolicy.maximum else { throw .tooLong(maximum: PasswordPolicy.maximum) }
        let text = String(decoding: password.bytes, as: UTF8.self)
        let folded = PasswordBlocklist.fold(text)
        guard !PasswordPolicy.isRepetitive(folded) else { throw .repetitive }
        if blocklist.contains(folded) { throw .common }
        for word in context.map(PasswordBlocklist.fold) where word.unicodeScalars.count >= 3 && folded.contains(word) {
            // What remains beside the word has to carry the strength alone.
            let rest = folded.replacingOccurrences(of: word, with: "")
            guard rest.unicodeScalars.count >= PasswordPolicy.minimumWithFactor, !blocklist.contains(rest) else {
                throw .guessable
            }
        }
    }

    /// Too short to be used without a second factor.
    static func needsFactor(_ password: Password) -> Bool { password.length < minimumAlone }

    /// One unit of up to four characters over and over (`aaaa`, `abcabc`), or one run of neighbours (`abcdefgh`, `87654321`).
    static func isRepetitive(_ text: String) -> Bool {
        let scalars = text.unicodeScalars.map(\.value)
        guard scalars.count > 1 else { return true }
        for period in 1...4 where scalars.count >= period * 2 {
            if scalars.indices.dropFirst(period).allSatisfy({ scalars[$0] == scalars[$0 - period] }) { return true }
        }
        let steps = zip(scalars.dropFirst(), scalars).map { Int64($0) - Int64($1) }
        return steps.allSatisfy { $0 == 1 } || steps.allSatisfy { $0 == -1 }
    }
}

/// Passwords that everybody tries: one a line, lower case, `#` for comments.
struct PasswordBlocklist: Sendable {
    private let words: Set<String>
    var count: Int { words.count }

    init(_ words: some Sequence<String>) { self.words = Set(words.map(PasswordBlocklist.fold)) }

    init(text: String) {
        self.init(
            text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
                .filter { !$0.isEmpty && !$0.hasPrefix("#") })
    }

    init(contentsOf path: String) throws {
        self.init(text: try String(contentsOfFile: path, encoding: .utf8))
    }

    /// Whether a folded password is a listed word, also one written with digits for letters, with a few digits or marks
    /// around it, or several times in a row.
    func contains(_ folded: String) -> Bool {
        for candidate in [folded, PasswordBlocklist.unleet(folded)] {
            if words.contains(candidate) { return true }
            let core = candidate.trimmingCharacters(in: CharacterSet.letters.inverted)
            if core.count >= 3, words.contains(core), candidate.count - core.count <= 6 { return true }
            if isRepeatedWord(candidate) { return true }
        }
        return false
    }

    private func isRepeatedWord(_ text: String) -> Bool {
        let characters = Array(text)
        for parts in 2...4 where characters.count % parts == 0 {
            let unit = Array(characters.prefix(characters.count / parts))
            guard unit.count >= 3, words.contains(String(unit)) else { continue }
            let repeated = Array(repeatElement(unit, count: parts).joined())
            if repeated == characters { return true }
        }
        return false
    }

    static func fold(_ text: String) -> String {
        text.precomposedStringWithCompatibilityMapping.lowercased()
    }

    /// The usual digits and marks for letters, undone.
    private static func unleet(_ text: String) -> String {
        let letters: [Character: Character] = [
            "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i",
        ]
        // Digits at the end are usually a year or a counter, not letters.
        let tail = text.reversed().prefix { !$0.isLetter }.count
        let body = text.dropLast(tail)
        return String(body.map { letters[$0] ?? $0 }) + text.suffix(tail)
    }
}
