import StrictJSON
import Testing

@Suite struct PlainReaderTests {
    /// What `read` makes of a text, and whether all of it was stepped over.
    private func reading<Value>(
        _ text: String, _ read: (inout PlainJSONReader) -> Value
    ) -> (value: Value, isAtEnd: Bool) {
        Array(text.utf8).withUnsafeBytes { bytes in
            var reader = PlainJSONReader(bytes)
            let value = read(&reader)
            return (value, reader.isAtEnd)
        }
    }

    @Test(arguments: ["", "a", "orders:view", "more than eight bytes", "]", "{}", "\u{7F}", "a/b"])
    func plainStrings(_ text: String) {
        let (value, isAtEnd) = reading("\"\(text)\"") { $0.text() }
        #expect(value == text && isAtEnd)
    }

    @Test(arguments: ["", "a", "\"", "\"a", "\"a\\", #""a\n""#, #""\"""#, "\"é\"", "\"a\tb\"", "\"\u{0}\"", " \"a\""])
    func otherStringsLeaveTheReaderWhereItIs(_ text: String) {
        let start = reading(text) { reader in
            let value = reader.string()?.count
            return (value, reader.skip(Array(text.utf8)))
        }
        #expect(start.value.0 == nil && start.value.1)
    }

    @Test(arguments: ["0", "7", "10", "1800000000", "999999999999999999"])
    func plainNumbers(_ text: String) {
        let (value, isAtEnd) = reading(text) { $0.number() }
        #expect(value == Int64(text) && isAtEnd)
    }

    @Test(arguments: ["", "-1", "00", "01", "+1", "x", "1000000000000000000", "9223372036854775808", ".5"])
    func otherNumbers(_ text: String) {
        #expect(reading(text) { $0.number() }.value == nil)
    }

    /// The rest of a number that is no whole one is left: no mark follows.
    @Test(arguments: ["1.5", "1e3", "1E3", "1x"])
    func numbersThatGoOn(_ text: String) {
        let read = reading(text) { ($0.number(), $0.skip(","), $0.skip("}"), $0.skip("]")) }
        #expect(!read.isAtEnd && !read.value.1 && !read.value.2 && !read.value.3)
    }

    @Test func arraysOfStrings() throws {
        for text in ["[]", #"["a"]"#, #"["a","]","c"]"#] {
            let (value, isAtEnd) = reading(text) { $0.texts() }
            let parsed = try JSONValue(parsing: text).strings
            #expect(isAtEnd && value == parsed)
        }
        for text in ["", "[", "[,]", #"["a""#, #"["a",]"#, #"["a" ,"b"]"#, #"["a",1]"#, #"[["a"]]"#, "[ ]"] {
            #expect(reading(text) { $0.texts() }.value == nil, "\(text)")
        }
    }

    @Test func textsThatStandThereLiterally() {
        #expect(reading("abc") { $0.skip(Array("abc".utf8)) } == (true, true))
        #expect(reading("abc") { $0.skip(Array("ab".utf8)) } == (true, false))
        #expect(reading("abc") { $0.skip(Array("abcd".utf8)) } == (false, false))
        #expect(reading("abc") { $0.skip(Array("abd".utf8)) } == (false, false))
        #expect(reading("") { $0.skip([]) } == (true, true))
        #expect(reading("") { $0.skip("a") } == (false, true))
    }

    /// Seeded, so that a failure can be repeated.
    @Test func whatIsTakenTheParserReadsAlike() throws {
        var random = SplitMix64(state: 0x706C_6169_6E00)
        let pieces = Array("\"\"\"[],,ab01\\ ".utf8)
        var (texts, numbers) = (0, 0)
        for _ in 0..<200_000 {
            let count = Int.random(in: 1..<9, using: &random)
            let bytes = (0..<count).map { _ in pieces.randomElement(using: &random) ?? 0 }
            let text = String(decoding: bytes, as: UTF8.self)
            let array = reading(text) { $0.texts() }
            if let value = array.value, array.isAtEnd {
                texts += 1
                let parsed = try JSONValue(parsing: text)
                #expect(parsed.strings == value, "\(text)")
            }
            let number = reading(text) { $0.number() }
            if let value = number.value, number.isAtEnd {
                numbers += 1
                let parsed = try JSONValue(parsing: text)
                #expect(parsed == .int(value), "\(text)")
            }
        }
        #expect(texts > 100 && numbers > 100)
    }
}
