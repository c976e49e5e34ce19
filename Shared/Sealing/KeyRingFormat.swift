import Crypto

/// The key ring as text, a line each: the format's name, `root HEX`, `key ID HEX` for every key, `primary ID`.
enum KeyRingFormat {
    private static let header = "jts-key-ring 1"

    static func encode(_ ring: KeyEncryptionKeyRing) -> [UInt8] {
        var bytes = Array("\(header)\nroot ".utf8)
        appendHex(ring.root, to: &bytes)
        for id in ring.keyIDs {
            guard let key = ring.keys[id] else { continue }
            bytes.append(contentsOf: "\nkey \(id) ".utf8)
            appendHex(key, to: &bytes)
        }
        bytes.append(contentsOf: "\nprimary \(ring.primaryID)\n".utf8)
        return bytes
    }

    /// Works on the bytes and not on strings, so that no copy of a key is left that cannot be wiped.
    static func decode(_ bytes: [UInt8]) throws(SealingError) -> KeyEncryptionKeyRing {
        var root: SymmetricKey?
        var keys: [String: SymmetricKey] = [:]
        var primary: String?
        var number = 0
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            if number == 1 {
                guard line.elementsEqual(header.utf8) else { throw .keyFileMalformed(line: 1) }
                continue
            }
            if line.isEmpty || line.first == UInt8(ascii: "#") { continue }
            let words = line.split(separator: UInt8(ascii: " "))
            let verb = words.first.map { String(decoding: $0, as: UTF8.self) }
            switch (verb, words.count) {
            case ("root", 2):
                guard root == nil, let key = key(words[1]) else { throw .keyFileMalformed(line: number) }
                root = key
            case ("key", 3):
                let id = String(decoding: words[1], as: UTF8.self)
                guard KeyEncryptionKeyRing.isValid(id: id), keys[id] == nil, let key = key(words[2]) else {
                    throw .keyFileMalformed(line: number)
                }
                keys[id] = key
            case ("primary", 2):
                guard primary == nil else { throw .keyFileMalformed(line: number) }
                primary = String(decoding: words[1], as: UTF8.self)
            default: throw .keyFileMalformed(line: number)
            }
        }
        guard let root, let primary, keys[primary] != nil else { throw .keyFileMalformed(line: number) }
        return try KeyEncryptionKeyRing(primaryID: primary, keys: keys, root: root)
    }

    private static func appendHex(_ key: SymmetricKey, to bytes: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        key.withUnsafeBytes { raw in
            for byte in raw {
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            }
        }
    }

    /// 64 digits, 256 bits.
    private static func key(_ hex: ArraySlice<UInt8>) -> SymmetricKey? {
        guard hex.count == 64 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        defer { wipe(&bytes) }
        var index = hex.startIndex
        while index < hex.endIndex {
            guard let high = digit(hex[index]), let low = digit(hex[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
            index += 2
        }
        return SymmetricKey(data: bytes)
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
