/// Base64url without padding (RFC 4648 section 5, RFC 7515 section 2).
public enum Base64URL {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// What each character of a group of four adds to the group's three bytes, which stand in the lower bits with the
    /// first one lowest: a table of 256 for each place. `unknown` for what is not in the alphabet.
    private static let contributions: [UInt32] = {
        var table = [UInt32](repeating: unknown, count: 4 * 256)
        for (value, byte) in alphabet.enumerated() {
            let value = UInt32(value)
            table[Int(byte)] = value << 2
            table[256 + Int(byte)] = value >> 4 | (value & 15) << 12
            table[512 + Int(byte)] = (value >> 2) << 8 | (value & 3) << 22
            table[768 + Int(byte)] = value << 16
        }
        return table
    }()

    private static let unknown: UInt32 = 1 << 31

    public static func encode(_ bytes: some Collection<UInt8>) -> String {
        String(decoding: encodedBytes(bytes), as: UTF8.self)
    }

    /// The encoding as ASCII bytes.
    public static func encodedBytes(_ bytes: some Collection<UInt8>) -> [UInt8] {
        let input = Array(bytes)
        return alphabet.withUnsafeBufferPointer { alphabet in
            [UInt8](unsafeUninitializedCapacity: (input.count * 4 + 2) / 3) { output, count in
                var index = 0
                func put(_ value: UInt32) {
                    output[count] = alphabet[Int(value & 63)]
                    count += 1
                }
                while index + 3 <= input.count {
                    let group = UInt32(input[index]) << 16 | UInt32(input[index + 1]) << 8 | UInt32(input[index + 2])
                    put(group >> 18)
                    put(group >> 12)
                    put(group >> 6)
                    put(group)
                    index += 3
                }
                switch input.count - index {
                case 1:
                    let group = UInt32(input[index]) << 16
                    put(group >> 18)
                    put(group >> 12)
                case 2:
                    let group = UInt32(input[index]) << 16 | UInt32(input[index + 1]) << 8
                    put(group >> 18)
                    put(group >> 12)
                    put(group >> 6)
                default: break
                }
            }
        }
    }

    /// Decodes strictly: no padding, no white space, and unused bits zero, so that each value has one encoding; nil for
    /// anything else.
    public static func decode(_ text: String) -> [UInt8]? {
        var text = text
        return text.withUTF8 { decode($0) }
    }

    public static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        var isValid = false
        let decoded = [UInt8](unsafeUninitializedCapacity: roomToDecode(text.count)) { output, count in
            if let length = decode(UnsafeRawBufferPointer(text), into: UnsafeMutableRawBufferPointer(output)) {
                (count, isValid) = (length, true)
            }
        }
        return isValid ? decoded : nil
    }

    /// Bytes that `decode(_:into:)` may write for so many characters: one more than the value can have.
    package static func roomToDecode(_ characters: Int) -> Int { characters / 4 * 3 + 4 }

    /// Decodes as above into memory of at least `roomToDecode` bytes.
    /// - Returns: the length of the value.
    package static func decode(_ text: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Int? {
        guard text.count % 4 != 1 else { return nil }
        precondition(output.count >= roomToDecode(text.count))
        return contributions.withUnsafeBufferPointer { table in
            var (index, count) = (0, 0)
            var all: UInt32 = 0
            while index + 4 <= text.count {
                let group =
                    table[Int(text[index])] | table[256 + Int(text[index + 1])]
                    | table[512 + Int(text[index + 2])] | table[768 + Int(text[index + 3])]
                all |= group
                output.storeBytes(of: group.littleEndian, toByteOffset: count, as: UInt32.self)
                index += 4
                count += 3
            }
            if index < text.count {
                var group = table[Int(text[index])] | table[256 + Int(text[index + 1])]
                let isThree = index + 2 < text.count
                if isThree { group |= table[512 + Int(text[index + 2])] }
                output.storeBytes(of: group.littleEndian, toByteOffset: count, as: UInt32.self)
                count += isThree ? 2 : 1
                // What the value has no byte for must be zero.
                guard group >> (isThree ? 16 : 8) == 0 else { return nil }
            }
            return all & unknown == 0 ? count : nil
        }
    }
}
