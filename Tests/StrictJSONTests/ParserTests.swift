import StrictJSON
import Testing

@Suite struct ParserTests {
    @Test func everyKindOfValue() throws {
        let text = #" {"a" : [null, true, false, -7, 1.5, "x"], "b": {}, "c": [ ], "d":1e2} "#
        let value = try JSONValue(parsing: text)
        #expect(value == ["a": [nil, true, false, -7, 1.5, "x"], "b": [:], "c": [], "d": 100.0])
        #expect(value.object?.keys == ["a", "b", "c", "d"])
        #expect(value["a"]?.array?.count == 6 && value["a"]?[""] == nil && value["z"] == nil)
        #expect(value["b"]?.object?.isEmpty == true && value["b"]?.string == nil)
    }

    @Test(arguments: [
        ("0", JSONValue.int(0)), ("9223372036854775807", .int(.max)), ("-9223372036854775808", .int(.min)),
        ("9223372036854775808", .double(0x1p63)), ("-9223372036854775809", .double(-0x1p63)),
        ("18446744073709551615", .double(0x1p64)), ("99999999999999999999999", .double(1e23)),
        ("1.0", .double(1)), ("1E+2", .double(100)), ("5e-324", .double(5e-324)), ("1e-400", .double(0)),
        ("1.7976931348623157e308", .double(.greatestFiniteMagnitude)),
    ])
    func numbers(text: String, expected: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == expected)
        #expect(try JSONValue(parsing: "[\(text)]") == [expected])
    }

    @Test func minusZeroIsADouble() throws {
        let zero = try #require(try JSONValue(parsing: "-0").double)
        #expect(zero == 0 && zero.sign == .minus)
    }

    @Test(arguments: [
        ("", JSONParseError.Reason.unexpectedEnd, 0), ("  ", .unexpectedEnd, 2), ("nul", .unexpectedEnd, 3),
        ("nulk", .unexpectedByte, 3), ("01", .invalidNumber, 1), ("-", .unexpectedEnd, 1), ("-a", .invalidNumber, 1),
        ("1.", .invalidNumber, 2), (".5", .unexpectedByte, 0), ("+1", .unexpectedByte, 0), ("1e", .invalidNumber, 2),
        ("1e999", .numberOutOfRange, 0), ("-1e309", .numberOutOfRange, 0), ("NaN", .unexpectedByte, 0),
        ("1 2", .trailingBytes, 2), ("[1,]", .unexpectedByte, 3), ("[1", .unexpectedEnd, 2),
        ("[,1]", .unexpectedByte, 1),
        ("{\"a\":1,}", .unexpectedByte, 7), ("{\"a\" 1}", .unexpectedByte, 5), ("{a:1}", .unexpectedByte, 1),
        ("{\"a\":1", .unexpectedEnd, 6), ("\"a", .unexpectedEnd, 2), ("\"\u{1}\"", .controlCharacter, 1),
        ("\"12345678\u{1F}\"", .controlCharacter, 9), ("\"\\x\"", .invalidEscape, 1),
        ("\"\\u12\"", .invalidEscape, 1), ("\"\\u12", .unexpectedEnd, 1), ("\"\\", .unexpectedEnd, 1),
        ("\"\\ud800\"", .loneSurrogate, 1), ("\"\\udc00\"", .loneSurrogate, 1),
        ("\"\\ud800\\ud800\"", .loneSurrogate, 1), ("\"\\ud800x\"", .loneSurrogate, 1), ("\"\\u0000\"", .nul, 1),
        ("{\"a\":1,\"\\u0061\":2}", .duplicateKey, 7), ("{\"\":1,\"\":2}", .duplicateKey, 6),
        ("\u{FEFF}1", .byteOrderMark, 0), ("// x", .unexpectedByte, 0), ("'a'", .unexpectedByte, 0),
    ])
    func refusals(text: String, reason: JSONParseError.Reason, offset: Int) {
        #expect(throws: JSONParseError(reason, at: offset)) { try JSONValue(parsing: text) }
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x9F, 0xBF], [0xE2, 0x82],
            [0xE2, 0x28, 0xA1],
            [0xED, 0xA0, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0x98], [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80],
            [0xFF],
        ] as [[UInt8]])
    func invalidUTF8(sequence: [UInt8]) {
        for prefix in ["", "a", "1234567", "12345678", "é"] {
            let bytes = Array("\"\(prefix)".utf8) + sequence + Array("\"".utf8)
            #expect(throws: JSONParseError(.invalidUTF8, at: 1 + prefix.utf8.count)) { try JSONValue(parsing: bytes) }
        }
        // Cut off at the very end of the buffer as well.
        #expect(throws: JSONParseError.self) { try JSONValue(parsing: Array("\"".utf8) + sequence) }
    }

    @Test func stringsOfEveryLengthAndPlace() throws {
        // The scan takes eight bytes at a time: put each special byte at each place of texts of each length.
        let specials: [(written: String, read: String)] = [
            ("\\\"", "\""), ("\\\\", "\\"), ("\\/", "/"), ("\\b\\f\\n\\r\\t", "\u{8}\u{C}\n\r\t"), ("é", "é"),
            ("\\u00e9", "é"), ("\\uD83D\\uDE00", "😀"), ("😀", "😀"), ("\u{7F}", "\u{7F}"), ("", ""),
        ]
        for length in 0...20 {
            for place in 0...length {
                for special in specials {
                    let before = String(repeating: "a", count: place)
                    let after = String(repeating: "!", count: length - place)
                    let value = try JSONValue(parsing: "\"\(before)\(special.written)\(after)\"")
                    #expect(value == .string(before + special.read + after))
                }
            }
        }
    }

    @Test func canonicallyEquivalentNamesAreTwo() throws {
        let (composed, decomposed) = ("\u{E9}", "e\u{301}")
        #expect(composed == decomposed)  // To Swift they are one text.
        let value = try JSONValue(parsing: "{\"\(composed)\":1,\"\(decomposed)\":2,\"K\":3,\"\u{212A}\":4}")
        #expect(value.object?.count == 4)
        #expect(value[composed] == 1 && value[decomposed] == 2 && value["K"] == 3 && value["\u{212A}"] == 4)
        #expect(JSONValue.string(composed) != .string(decomposed))
        #expect(Set<JSONValue>([.string(composed), .string(decomposed)]).count == 2)
        var object: JSONObject = [composed: 1]
        object[decomposed] = 2
        #expect(object.count == 2 && object != [composed: 1, composed: 2])
    }

    @Test(arguments: [2, 17, 47, 48, 49, 100, 2_000]) func duplicatesInObjectsOfAnySize(count: Int) throws {
        let members = (0..<count).map { "\"name\($0)\":\($0)" }
        let text = "{" + members.joined(separator: ",")
        let value = try JSONValue(parsing: text + "}")
        #expect(value.object?.count == count && value["name\(count - 1)"] == .int(Int64(count - 1)))
        for repeated in ["name0", "name\(count - 1)", "\\u006eame\(count / 2)"] {
            #expect(throws: JSONParseError(.duplicateKey, at: text.utf8.count + 1)) {
                try JSONValue(parsing: text + ",\"\(repeated)\":0}")
            }
        }
    }

    @Test func limits() throws {
        let nested = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        _ = try JSONValue(parsing: nested(32))
        #expect(throws: JSONParseError(.tooDeep, at: 32)) { try JSONValue(parsing: nested(33)) }
        #expect(throws: JSONParseError(.tooDeep, at: 32)) {
            try JSONValue(parsing: String(repeating: "[", count: 1_000_000))
        }
        // However generous the limits are, the stack is not.
        let generous = JSONLimits(maxBytes: .max, maxDepth: .max, maxMembers: .max)
        #expect(throws: JSONParseError(.tooDeep, at: 512)) {
            try JSONValue(parsing: nested(100_000), limits: generous)
        }
        let small = JSONLimits(maxBytes: 9, maxDepth: 2, maxMembers: 3)
        _ = try JSONValue(parsing: "[1,[2]]", limits: small)
        #expect(throws: JSONParseError(.tooLarge, at: 0)) { try JSONValue(parsing: "[1,2,3,4,5]", limits: small) }
        #expect(throws: JSONParseError(.tooManyMembers, at: 7)) { try JSONValue(parsing: "[1,2,3,4]", limits: small) }
        #expect(throws: JSONParseError(.tooDeep, at: 2)) { try JSONValue(parsing: "[[[]]]", limits: small) }
        // Siblings are not nested.
        #expect(try JSONValue(parsing: "[[],[],[]]", limits: JSONLimits(maxDepth: 2)).array?.count == 3)
    }

    @Test func fromEverySource() throws {
        let bytes = Array("[1]".utf8)
        #expect(try JSONValue(parsing: bytes[...]) == [1])
        #expect(try JSONValue(parsing: "[1]".utf8) == [1])
        #expect(throws: JSONParseError(.unexpectedEnd, at: 0)) {
            try JSONValue(parsing: UnsafeBufferPointer<UInt8>(start: nil, count: 0))
        }
    }
}
