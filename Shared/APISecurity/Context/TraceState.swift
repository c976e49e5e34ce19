/// `tracestate` of W3C Trace Context, level 1, section 3.3.
enum TraceState {
    /// Bytes that are passed on; the specification asks for no fewer (section 3.3.1.5).
    static let maximum = 512
    /// Members longer than this are the first to be left out (section 3.3.1.5).
    private static let longMember = 128

    /// What is passed on: the text as it came when it is well formed and short enough, and without some of its members
    /// when it is too long.
    /// - Returns: nil when there is nothing to pass on, or it is malformed.
    static func checked(_ state: String) -> String? {
        var members: [Substring] = []
        var keys: Set<Substring> = []
        for member in state.split(separator: ",", omittingEmptySubsequences: false) {
            let member = trim(member)
            if member.isEmpty { continue }
            guard let equals = member.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let key = member[..<equals]
            guard isKey(key.utf8), isValue(member[member.utf8.index(after: equals)...].utf8),
                keys.insert(key).inserted, keys.count <= 32
            else { return nil }
            members.append(member)
        }
        if members.isEmpty { return nil }
        return state.utf8.count <= maximum ? state : shortened(members)
    }

    private static func shortened(_ members: [Substring]) -> String? {
        var members = members
        func length() -> Int { members.reduce(members.count - 1) { $0 + $1.utf8.count } }
        while length() > maximum, let index = members.lastIndex(where: { $0.utf8.count > longMember }) {
            members.remove(at: index)
        }
        while length() > maximum { members.removeLast() }
        return members.isEmpty ? nil : members.joined(separator: ",")
    }

    private static func trim(_ text: Substring) -> Substring {
        func isSpace(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var bytes = text.utf8
        while isSpace(bytes.first) { bytes = bytes.dropFirst() }
        while isSpace(bytes.last) { bytes = bytes.dropLast() }
        return Substring(bytes)
    }

    /// Section 3.3.1.3.1: `key`, or `tenant@system`.
    private static func isKey(_ key: Substring.UTF8View) -> Bool {
        guard let at = key.firstIndex(of: UInt8(ascii: "@")) else {
            return (1...256).contains(key.count) && isLetter(key.first) && key.allSatisfy(isKeyByte)
        }
        let (tenant, system) = (key[..<at], key[key.index(after: at)...])
        return (1...241).contains(tenant.count) && (isLetter(tenant.first) || isDigit(tenant.first))
            && tenant.allSatisfy(isKeyByte) && (1...14).contains(system.count) && isLetter(system.first)
            && system.allSatisfy(isKeyByte)
    }

    /// Section 3.3.1.3.2. A space at the end was taken away as white space around the member.
    private static func isValue(_ value: Substring.UTF8View) -> Bool {
        (1...256).contains(value.count)
            && value.allSatisfy { (0x20...0x7E).contains($0) && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "=") }
    }

    private static func isLetter(_ byte: UInt8?) -> Bool { byte.map { (0x61...0x7A).contains($0) } ?? false }
    private static func isDigit(_ byte: UInt8?) -> Bool { byte.map { (0x30...0x39).contains($0) } ?? false }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "/"): true
        default: isLetter(byte) || isDigit(byte)
        }
    }
}
