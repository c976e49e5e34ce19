import StrictJSON
import Testing

/// Seeded, so that a failure can be repeated.
@Suite struct FuzzTests {
    @Test func randomValuesComeBack() throws {
        var random = SplitMix64(state: 0x6A73_6F6E)
        for _ in 0..<3_000 {
            let value = Self.value(depth: 0, &random)
            #expect(try JSONValue(parsing: value.encoded()) == value)
        }
    }

    /// Whatever is done to a text, it is refused or read as a value that writes and reads back as itself.
    @Test func mutatedTexts() throws {
        var random = SplitMix64(state: 0x7061_7273)
        var (taken, refused) = (0, 0)
        for _ in 0..<20_000 {
            var bytes = Self.value(depth: 0, &random).encoded()
            for _ in 0...Int.random(in: 0..<3, using: &random) { Self.mutate(&bytes, &random) }
            guard let value = try? JSONValue(parsing: bytes) else {
                refused += 1
                continue
            }
            taken += 1
            #expect(try JSONValue(parsing: value.encoded()) == value, "\(bytes)")
        }
        #expect(taken > 1_000 && refused > 1_000)
    }

    @Test func everyCutIsRefused() throws {
        let bytes = Array(#"{"a":[1.5e3,"\u00e9\ud83d\ude00é",true,null],"b":{"c":-0}}"#.utf8)
        _ = try JSONValue(parsing: bytes)
        for end in 0..<bytes.count {
            #expect(throws: JSONParseError.self) { try JSONValue(parsing: bytes[..<end]) }
        }
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
        let interesting = Array("\"\\{}[]:,.-+eEu0\u{0}\u{1F}\u{7F}".utf8) + [0x80, 0xC3, 0xED, 0xF4, 0xFF]
        let place = Int.random(in: 0...bytes.count, using: &random)
        switch UInt8.random(in: 0..<4, using: &random) {
        case 0: bytes.insert(interesting.randomElement(using: &random) ?? 0, at: place)
        case 1 where place < bytes.count: bytes.remove(at: place)
        case 2 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        default: bytes.replaceSubrange(place..., with: bytes[..<min(place, 4)])
        }
    }

    private static func value(depth: Int, _ random: inout SplitMix64) -> JSONValue {
        switch Int.random(in: 0..<(depth < 4 ? 9 : 6), using: &random) {
        case 0: return .null
        case 1: return .bool(.random(using: &random))
        case 2: return .int(Int64(bitPattern: random.next()) >> Int64.random(in: 0..<64, using: &random))
        case 3: return .double(.random(in: -1e10...1e10, using: &random))
        case 4, 5: return .string(text(&random))
        case 6: return .array((0..<Int.random(in: 0..<5, using: &random)).map { _ in value(depth: depth + 1, &random) })
        default:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0..<6, using: &random) {
                object[text(&random)] = value(depth: depth + 1, &random)
            }
            return .object(object)
        }
    }

    private static func text(_ random: inout SplitMix64) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0..<24, using: &random) {
            let range: ClosedRange<UInt32> = .random(using: &random) ? 0x20...0x7E : 0x1...0x1_1000
            text.unicodeScalars.append(Unicode.Scalar(UInt32.random(in: range, using: &random)) ?? "?")
        }
        return text
    }
}

/// Steele, Lea and Flood's generator: small, and the same everywhere.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
