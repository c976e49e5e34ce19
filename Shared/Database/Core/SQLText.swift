/// The little reading of SQL text that two dialects need: where code ends and literals, quoted names and comments begin.
enum SQLText {
    /// The text with `?` replaced by `$1`, `$2`, …, and their number.
    static func numberingPlaceholders(in sql: String) -> (text: String, count: Int) {
        var output: [UInt8] = []
        output.reserveCapacity(sql.utf8.count + 16)
        var count = 0
        forEachSegment(of: Array(sql.utf8)) { bytes, isCode in
            guard isCode else { return output.append(contentsOf: bytes) }
            for byte in bytes {
                if byte == UInt8(ascii: "?") {
                    count += 1
                    output.append(UInt8(ascii: "$"))
                    output.append(contentsOf: String(count).utf8)
                } else {
                    output.append(byte)
                }
            }
        }
        return (String(decoding: output, as: UTF8.self), count)
    }

    /// Replaces whole words of the code, whatever their case; keys are in upper case.
    static func replacingWords(in sql: String, with replacements: [String: String]) -> String {
        var output: [UInt8] = []
        forEachSegment(of: Array(sql.utf8)) { bytes, isCode in
            guard isCode else { return output.append(contentsOf: bytes) }
            var rest = bytes
            while let first = rest.first {
                guard isWord(first) else {
                    output.append(first)
                    rest = rest.dropFirst()
                    continue
                }
                let word = rest.prefix(while: isWord)
                rest = rest.dropFirst(word.count)
                if let replacement = replacements[String(decoding: word, as: UTF8.self).uppercased()] {
                    output.append(contentsOf: replacement.utf8)
                } else {
                    output.append(contentsOf: word)
                }
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// Whether a statement would begin or end a transaction, which is the database's business alone.
    static func controlsTransaction(_ sql: String) -> Bool {
        var word = ""
        forEachSegment(of: Array(sql.utf8.prefix(256))) { bytes, isCode in
            guard isCode, word.isEmpty else { return }
            let start = bytes.drop { !isWord($0) }
            word = String(decoding: start.prefix(while: isWord), as: UTF8.self)
        }
        return transactionWords.contains(word.uppercased())
    }

    private static let transactionWords: Set<String> = [
        "BEGIN", "COMMIT", "ROLLBACK", "END", "START", "ABORT", "SAVEPOINT", "RELEASE", "ATTACH", "DETACH", "VACUUM",
    ]

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
            true
        default: false
        }
    }

    /// Calls `body` for each stretch of code and each literal, quoted name or comment, in order.
    private static func forEachSegment(of bytes: [UInt8], _ body: (ArraySlice<UInt8>, _ isCode: Bool) -> Void) {
        var codeStart = 0
        var index = 0
        while index < bytes.count {
            guard let end = endOfQuoted(bytes, at: index) else {
                index += 1
                continue
            }
            if codeStart < index { body(bytes[codeStart..<index], true) }
            body(bytes[index..<end], false)
            index = end
            codeStart = end
        }
        if codeStart < bytes.count { body(bytes[codeStart...], true) }
    }

    /// The end of the literal, quoted name or comment that begins at `index`; nil when none begins there.
    private static func endOfQuoted(_ bytes: [UInt8], at index: Int) -> Int? {
        let next = index + 1 < bytes.count ? bytes[index + 1] : 0
        switch bytes[index] {
        case UInt8(ascii: "'"):
            // E'…' takes backslash escapes (PostgreSQL).
            let escapes =
                index > 0 && bytes[index - 1] | 0x20 == UInt8(ascii: "e") && !(index > 1 && isWord(bytes[index - 2]))
            return closing(UInt8(ascii: "'"), in: bytes, from: index + 1, backslashEscapes: escapes)
        case UInt8(ascii: "\""): return closing(UInt8(ascii: "\""), in: bytes, from: index + 1)
        case UInt8(ascii: "-") where next == UInt8(ascii: "-"):
            return (bytes[index...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count - 1) + 1
        case UInt8(ascii: "/") where next == UInt8(ascii: "*"): return endOfComment(bytes, from: index)
        case UInt8(ascii: "$") where index == 0 || !isWord(bytes[index - 1]):
            return endOfDollarQuote(bytes, from: index)
        default: return nil
        }
    }

    /// A doubled quote inside stands for itself, and reads here as two literals side by side.
    private static func closing(
        _ quote: UInt8, in bytes: [UInt8], from start: Int, backslashEscapes: Bool = false
    ) -> Int {
        var index = start
        while index < bytes.count {
            if backslashEscapes, bytes[index] == UInt8(ascii: "\\") {
                index += 2
                continue
            }
            if bytes[index] == quote { return index + 1 }
            index += 1
        }
        return bytes.count
    }

    private static func endOfComment(_ bytes: [UInt8], from start: Int) -> Int {
        var index = start + 2
        while index + 1 < bytes.count {
            if bytes[index] == UInt8(ascii: "*"), bytes[index + 1] == UInt8(ascii: "/") { return index + 2 }
            index += 1
        }
        return bytes.count
    }

    /// `$tag$ … $tag$` (PostgreSQL); `$1` is not one.
    private static func endOfDollarQuote(_ bytes: [UInt8], from start: Int) -> Int? {
        let tag = bytes[(start + 1)...].prefix(while: isWord)
        if let first = tag.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) { return nil }
        let tagEnd = start + 1 + tag.count
        guard tagEnd < bytes.count, bytes[tagEnd] == UInt8(ascii: "$") else { return nil }
        let delimiter = bytes[start...tagEnd]
        var index = tagEnd + 1
        while index + delimiter.count <= bytes.count {
            if bytes[index..<(index + delimiter.count)].elementsEqual(delimiter) { return index + delimiter.count }
            index += 1
        }
        return bytes.count
    }
}
