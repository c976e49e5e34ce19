import StrictJSON
import Testing

@Suite struct ObjectTests {
    @Test func membersKeepTheirOrder() {
        var object: JSONObject = ["z": 1, "a": 2, "m": 3]
        object["a"] = 4
        object["q"] = "new"
        object["z"] = nil
        object["absent"] = nil
        #expect(object.keys == ["a", "m", "q"] && object.count == 3)
        #expect(object["a"] == 4)
        #expect(JSONValue.object(object).encodedString() == #"{"a":4,"m":3,"q":"new"}"#)
        #expect(JSONObject([("a", 1), ("b", 2), ("a", 3)]) == ["b": 2, "a": 3])
    }

    @Test func equalWhateverTheOrder() {
        let (one, other): (JSONObject, JSONObject) = (["a": 1, "b": [2]], ["b": [2], "a": 1])
        #expect(one == other && one.hashValue == other.hashValue)
        #expect(one != ["a": 1] && one != ["a": 1, "b": [3]] && one != ["a": 1, "c": [2]])
        #expect(JSONValue.int(1) != .double(1) && JSONValue.null != false && JSONValue.string("1") != .int(1))
    }

    @Test func accessors() {
        #expect(JSONValue.int(3).double == 3 && JSONValue.double(3).int == nil && JSONValue.null.isNull)
        #expect(JSONValue.array(["a", "b"]).strings == ["a", "b"])
        #expect(JSONValue.array(["a", 1]).strings == nil && JSONValue.string("a").strings == nil)
        #expect(JSONValue.bool(true).bool == true && JSONValue.bool(true).int == nil && JSONValue.null.bool == nil)
    }
}
