/// Base64url without padding (RFC 4648 section 5, RFC 7515 section 2).
public enum Base64URL {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The value of each character; 255 for what is not in the alphabet.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, byte) in alphabet.enumerated() { values[Int(byte)] = UInt8(value) }
        return values
    }()

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
        guard text.count % 4 != 1 else { return nil }
        var isValid = true
        let decoded = values.withUnsafeBufferPointer { values in
            [UInt8](unsafeUninitializedCapacity: text.count * 3 / 4 + 1) { output, count in
                var index = 0
                var wrong: UInt8 = 0
                while index + 4 <= text.count {
                    let (a, b) = (values[Int(text[index])], values[Int(text[index + 1])])
                    let (c, d) = (values[Int(text[index + 2])], values[Int(text[index + 3])])
                    wrong |= a | b | c | d
                    output[count] = a << 2 | b >> 4
                    output[count + 1] = b << 4 | c >> 2
                    output[count + 2] = c << 6 | d
                    count += 3
                    index += 4
                }
                if index < text.count {
                    let (a, b) = (values[Int(text[index])], values[Int(text[index + 1])])
                    wrong |= a | b
                    output[count] = a << 2 | b >> 4
                    count += 1
                    if index + 2 < text.count {
                        let c = values[Int(text[index + 2])]
                        wrong |= c
                        output[count] = b << 4 | c >> 2
                        count += 1
                        isValid = c & 3 == 0
                    } else {
                        isValid = b & 15 == 0
                    }
                }
                // Values are below 64; a character outside the alphabet sets the upper bits.
                if wrong > 63 { isValid = false }
            }
        }
        return isValid ? decoded : nil
    }
}
