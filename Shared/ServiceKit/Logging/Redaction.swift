/// Takes secrets out of what is about to be logged. The last line of defence: nobody should log them to begin with.
enum Redaction {
    static let mark = "<redacted>"

    /// Whether a value goes by its name: `password`, `new_password`, `X-Api-Token`, `set-cookie`, `mfaToken`.
    static func isSecret(key: String) -> Bool {
        let words = Redaction.words(key)
        // Together as well: names such as DPoP are one word, whatever their case looks like.
        return words.contains { secretWords.contains($0) } || secretWords.contains(words.joined())
            || zip(words, words.dropFirst()).contains { secretPairs.contains("\($0) \($1)") }
    }

    private static let secretWords: Set<String> = [
        "password", "passwords", "passphrase", "passwd", "pwd", "secret", "secrets", "token", "tokens",
        "authorization", "cookie", "cookies", "code", "codes", "otp", "totp", "credential", "credentials", "assertion",
        "bearer", "apikey", "pin", "dpop", "seed", "otpauth", "jwt", "passcode", "verifier",
    ]
    private static let secretPairs: Set<String> = ["api key", "private key", "encryption key", "sealing key"]

    /// The words of a name in snake, kebab or camel case. Names that count or tell about a secret, such as
    /// `token_type`, `status_code` or `error_code`, hold none.
    private static func words(_ key: String) -> [String] {
        var words: [String] = []
        var word = ""
        var previousIsLower = false
        for scalar in key.unicodeScalars {
            let isUpper = ("A"..."Z").contains(scalar)
            let isLetter = isUpper || ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar)
            if !isLetter || (isUpper && previousIsLower) {
                if !word.isEmpty { words.append(word) }
                word = ""
            }
            if isLetter { word.unicodeScalars.append(contentsOf: String(scalar).lowercased().unicodeScalars) }
            previousIsLower = !isUpper && isLetter
        }
        if !word.isEmpty { words.append(word) }
        let harmless: Set<String> = [
            "token type", "token id", "token count", "status code", "error code", "exit code", "country code",
            "password age", "token endpoint", "code point", "response code", "reason code",
        ]
        return harmless.contains(words.suffix(2).joined(separator: " ")) ? [] : words
    }

    /// Replaces what looks like a secret within a text: JSON Web Tokens, `Bearer …`, our own token prefixes, and
    /// credentials in URLs.
    static func scrub(_ text: String) -> String {
        let bytes = Array(text.utf8)
        guard mayHoldSecret(bytes) else { return text }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if index == 0 || isBoundary(bytes[index - 1]), let end = secret(bytes, at: index) {
                result += Array(mark.utf8)
                index = end
            } else if let end = urlCredentials(bytes, at: index) {
                result += Array("://\(mark)@".utf8)
                index = end
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// A quick look that most lines do not pass.
    private static func mayHoldSecret(_ bytes: [UInt8]) -> Bool {
        var index = 0
        while index + 2 < bytes.count {
            let (a, b, c) = (bytes[index], bytes[index + 1], bytes[index + 2])
            if a == UInt8(ascii: "e"), b == UInt8(ascii: "y") { return true }
            if a == UInt8(ascii: "j"), b == UInt8(ascii: "r") || b == UInt8(ascii: "s") || b == UInt8(ascii: "m") {
                return true
            }
            if a | 0x20 == UInt8(ascii: "b"), b | 0x20 == UInt8(ascii: "e") || b | 0x20 == UInt8(ascii: "a") {
                return true
            }
            if a | 0x20 == UInt8(ascii: "d"), b | 0x20 == UInt8(ascii: "p") { return true }
            if a == UInt8(ascii: ":"), b == UInt8(ascii: "/"), c == UInt8(ascii: "/") { return true }
            index += 1
        }
        return false
    }

    /// Where the secret that starts here ends; nil when none does.
    private static func secret(_ bytes: [UInt8], at start: Int) -> Int? {
        for scheme in ["bearer ", "dpop ", "basic "] where starts(bytes, start, with: scheme, foldingCase: true) {
            var end = start + scheme.utf8.count
            let first = end
            while end < bytes.count, isTokenByte(bytes[end]) || bytes[end] == UInt8(ascii: ".") { end += 1 }
            if end - first >= 8 { return end }
        }
        for prefix in ["jrt_", "jss_", "jmt_"] where starts(bytes, start, with: prefix, foldingCase: false) {
            var end = start
            while end < bytes.count, isTokenByte(bytes[end]) || bytes[end] == UInt8(ascii: ".") { end += 1 }
            return end
        }
        return webToken(bytes, at: start)
    }

    /// `eyJ….eyJ….…`, with two dots (JWS) or four (JWE).
    private static func webToken(_ bytes: [UInt8], at start: Int) -> Int? {
        guard starts(bytes, start, with: "ey", foldingCase: false) else { return nil }
        var (end, dots) = (start, 0)
        while end < bytes.count {
            if bytes[end] == UInt8(ascii: ".") {
                dots += 1
            } else if !isTokenByte(bytes[end]) {
                break
            }
            end += 1
        }
        return dots >= 2 && end - start >= 20 ? end : nil
    }

    /// `://user:password@`: where it ends, after the `@`.
    private static func urlCredentials(_ bytes: [UInt8], at start: Int) -> Int? {
        guard starts(bytes, start, with: "://", foldingCase: false) else { return nil }
        var end = start + 3
        var last: Int?
        while end < bytes.count, bytes[end] > 0x20, bytes[end] != UInt8(ascii: "/"), bytes[end] != UInt8(ascii: "\"") {
            if bytes[end] == UInt8(ascii: "@") { last = end + 1 }
            end += 1
        }
        return last
    }

    private static func starts(_ bytes: [UInt8], _ start: Int, with text: String, foldingCase: Bool) -> Bool {
        var index = start
        for byte in text.utf8 {
            guard index < bytes.count else { return false }
            let given = bytes[index]
            guard given == byte || (foldingCase && given | 0x20 == byte) else { return false }
            index += 1
        }
        return true
    }

    /// Whether a secret may begin after this byte: `token=eyJ…` is as much of one as `eyJ…`.
    private static func isBoundary(_ byte: UInt8) -> Bool {
        !isTokenByte(byte) || byte == UInt8(ascii: "=") || byte == UInt8(ascii: "/")
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "+"), UInt8(ascii: "/"),
            UInt8(ascii: "="):
            true
        default: false
        }
    }
}
