import StrictJSON
import Testing

@Suite struct WriterTests {
    @Test func putsCommasWhereTheyBelong() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("a")
        writer.beginArray()
        writer.int(.min)
        writer.int(0)
        writer.beginObject()
        writer.endObject()
        writer.beginArray()
        writer.endArray()
        writer.null()
        writer.endArray()
        writer.key("b")
        writer.bool(false)
        writer.key("c")
        writer.raw(Array("[1]".utf8))
        writer.key("d")
        writer.value(["x": "y"])
        writer.key("e")
        writer.string("end")
        writer.endObject()
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == #"{"a":[-9223372036854775808,0,{},[],null],"b":false,"c":[1],"d":{"x":"y"},"e":"end"}"#)
    }

    @Test func escapesWhatMustBe() throws {
        let text = "\"\\/\u{8}\u{C}\n\r\t\u{1}\u{1F}\u{7F}é😀"
        #expect(
            JSONValue.string(text).encodedString() == "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\u{7F}é😀\"")
        for length in 0...20 {
            for place in 0...length {
                let text = String(repeating: "é", count: place) + "\"" + String(repeating: "a", count: length - place)
                #expect(try JSONValue(parsing: JSONValue.string(text).encoded()) == .string(text))
            }
        }
    }

    @Test(arguments: [0.1, 1, -1.5, 1e21, 1e-7, 5e-324, .greatestFiniteMagnitude, 123_456_789.123, 0x1p63])
    func doublesComeBack(number: Double) throws {
        #expect(try JSONValue(parsing: JSONValue.double(number).encoded()) == .double(number))
    }

    @Test func whatJSONCannotSayIsNull() {
        #expect(JSONValue.array([.double(.infinity), .double(.nan)]).encodedString() == "[null,null]")
    }
}
