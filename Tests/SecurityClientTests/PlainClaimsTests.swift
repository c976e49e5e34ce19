import APISecurity
import ServiceKit
import StrictJSON
import Testing

@testable import SecurityClient

/// The two ways to read claims, straight from the bytes and from the parsed JSON, against each other.
@Suite struct PlainClaimsTests {
    private struct Source: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return state &* 0x2545_F491_4F6C_DD1D
        }
    }

    private enum Outcome: Hashable {
        case refused(TokenRefusal)
        case taken([String])
    }

    private let clock = TestClock()
    private let shared = SharedClaims()
    private let options = TokenVerifier.Options(issuer: TestIssuer.name, audience: "jts")

    private func claims() -> JSONObject { TestIssuer(clock: clock).claims() }

    /// What the parsed JSON says, and, when the bytes are plain, what they say.
    private func both(
        _ payload: [UInt8], _ options: TokenVerifier.Options? = nil
    ) -> (parsed: Outcome, plain: Outcome?) {
        let options = options ?? self.options
        return payload.withUnsafeBytes { bytes in
            let plain = AccessTokenClaims(plain: bytes, options, shared).map { outcome($0) }
            switch AccessTokenClaims.parsing(bytes, options) {
            case .success(let claims): return (outcome(claims), plain)
            case .failure(let refusal): return (.refused(refusal), plain)
            }
        }
    }

    private func outcome(_ claims: AccessTokenClaims) -> Outcome {
        var claims = claims
        return switch claims.checked("key", clock.now) {
        case .success(let identity): .taken(described(identity))
        case .failure(let refusal): .refused(refusal)
        }
    }

    /// Every property of an identity.
    private func described(_ identity: Identity) -> [String] {
        Mirror(reflecting: identity).children.map { child in
            let value =
                switch child.value {
                case let permissions as Set<String>: "\(permissions.sorted())"
                case let email as Sensitive<String>: email.exposed
                default: "\(child.value)"
                }
            return "\(child.label ?? ""): \(value)"
        }
    }

    // MARK: What is plain

    @Test func whatAnIssuerWritesIsPlain() throws {
        let thumbprint = JSONValue.string(String(repeating: "x", count: 43))
        var several: [JSONObject] = [claims(), claims()]
        several[1]["aud"] = ["other", "jts"]
        for name in ["sid", "device_id", "email", "nbf", "iat_ms", "scope", "auth_time", "amr", "acr", "roles"] {
            var less = claims()
            less[name] = nil
            several.append(less)
        }
        for method in ["jkt", "x5t#S256"] {
            var bound = claims()
            bound["cnf"] = .object([method: thumbprint])
            several.append(bound)
        }
        for object in several {
            let (parsed, plain) = both(JSONValue.object(object).encoded())
            #expect(plain == parsed)
            guard case .taken(let properties) = parsed else {
                Issue.record("\(parsed)")
                continue
            }
            #expect(properties.contains("subject: usr_1"))
        }
    }

    /// Nothing is left out of the comparison: each claim changes what is described.
    @Test func everyClaimCounts() {
        let whole = both(JSONValue.object(claims()).encoded()).plain
        for name in claims().keys where !["nbf", "iat_ms"].contains(name) {
            var less = claims()
            less[name] = nil
            let (parsed, plain) = both(JSONValue.object(less).encoded())
            #expect(plain == parsed && plain != whole, "\(name)")
        }
    }

    @Test(arguments: [
        #"{"iss":"a","iss":"a"}"#, #"{"iss" :"a"}"#, #" {"iss":"a"}"#, #"{"iss":"a"} "#, #"{"iss":"a",}"#, #"{}"#, "",
        "[]",
        #"{"iss":"\u0061"}"#, #"{"i\u0073s":"a"}"#, #"{"iss":"é"}"#, #"{"iss":"a"#, #"{"iss":"a""#, #"{"iss":1}"#,
        #"{"other":"a"}"#, #"{"exp":-1}"#, #"{"exp":01}"#, #"{"exp":1.5}"#, #"{"exp":1e3}"#, #"{"exp":1099511627776}"#,
        #"{"exp":1000000000000000000}"#, #"{"exp":}"#, #"{"exp":null}"#, #"{"exp":"1"}"#, #"{"iat_ms":"1"}"#,
        #"{"aud":[]}"#, #"{"aud":["a",1]}"#, #"{"aud":["a","b"}"#, #"{"aud":"[\"jts\"]"}"#, #"{"aud":["jts"]]}"#,
        #"{"roles":["a",]}"#, #"{"roles":["a" ,"b"]}"#, #"{"roles":"a"}"#, #"{"roles":[["a"]]}"#,
        #"{"cnf":{}}"#, #"{"cnf":{"jkt":"short"}}"#, #"{"cnf":"jkt"}"#, #"{"cnf":{"jkt":1}}"#,
        #"{"cnf":{"jkt":"0123456789012345678901234567890123456789012","x":"y"}}"#,
        #"{"cnf":{"kid":"0123456789012345678901234567890123456789012"}}"#,
    ])
    func whatIsNot(_ text: String) {
        #expect(both(Array(text.utf8)).plain == nil)
    }

    @Test func membersAreCounted() throws {
        func payload(_ count: Int) -> [UInt8] {
            var object = claims()
            object["roles"] = .array(Array(repeating: "", count: count))
            return JSONValue.object(object).encoded()
        }
        let own = claims().count + 5
        let most = both(payload(1_000 - own))
        guard case .taken = most.parsed else {
            Issue.record("\(most.parsed)")
            return
        }
        #expect(both(payload(1_001 - own)).parsed == .refused(.malformed("claims")))
        #expect(both(payload(1_001 - own)).plain == nil)
    }

    @Test func anyAudience() {
        var any = options
        any.audience = nil
        for audience: JSONValue in ["x", ["x"], ["x", "jts"]] {
            var object = claims()
            object["aud"] = audience
            let (parsed, plain) = both(JSONValue.object(object).encoded(), any)
            #expect(plain == parsed)
            if case .refused = parsed { Issue.record("\(audience)") }
        }
    }

    // MARK: Whatever is done to them

    @Test func randomClaimsAreReadAlike() {
        var source = Source(state: 0x636C_6169_6D73_0001)
        var (taken, refused) = (0, 0)
        for round in 0..<20_000 {
            let (parsed, plain) = both(JSONValue.object(random(&source)).encoded())
            guard let plain else { continue }
            #expect(plain == parsed, "round \(round)")
            if case .taken = plain { taken += 1 } else { refused += 1 }
        }
        #expect(taken > 1_000 && refused > 1_000)
    }

    @Test func mutatedBytesAreReadAlike() {
        var source = Source(state: 0x636C_6169_6D73_0002)
        let marks = Array(#""\{}[]:,.-+eE019 aisue"#.utf8) + [0, 0x1F, 0x7F, 0x80, 0xC3, 0xA9, 0xFF]
        var (taken, refused, notPlain) = (0, 0, 0)
        for round in 0..<60_000 {
            var bytes = JSONValue.object(random(&source)).encoded()
            for _ in 0..<Int.random(in: 1...2, using: &source) {
                let place = Int.random(in: 0..<bytes.count, using: &source)
                switch Int.random(in: 0..<4, using: &source) {
                case 0: bytes[place] = marks.randomElement(using: &source) ?? 0
                case 1: bytes.insert(marks.randomElement(using: &source) ?? 0, at: place)
                case 2: bytes.remove(at: place)
                default:
                    // A piece of it once more: names that occur twice, values at the wrong name.
                    let end = Int.random(in: place...min(bytes.count, place + 40), using: &source)
                    bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0..<bytes.count, using: &source))
                }
            }
            let (parsed, plain) = both(bytes)
            guard let plain else {
                notPlain += 1
                continue
            }
            #expect(plain == parsed, "round \(round): \(String(decoding: bytes, as: UTF8.self))")
            if case .taken = plain { taken += 1 } else { refused += 1 }
        }
        #expect(taken > 1_000 && refused > 1_000 && notPlain > 1_000)
    }

    /// Claims as they should be, some of them changed, in any order.
    private func random(_ source: inout Source) -> JSONObject {
        let now = clock.seconds
        let wrong: [JSONValue] = [
            "", "jts", "a", 0, 1, -1, .int(now), .int(now + 10), .int(now * 1000), .int(1 << 40), .double(1.5), true,
            .null, [],
            ["jts"], ["jts", "b"], ["a", 1], [["a"]], [:], ["jkt": "x"], "é", "\"", "]", ["a]"], ["a", "]b"],
            ["jkt": "0123456789012345678901234567890123456789012"],
            ["x5t#S256": "0123456789012345678901234567890123456789012"],
        ]
        var object = claims()
        if Bool.random(using: &source) { object["cnf"] = ["jkt": "0123456789012345678901234567890123456789012"] }
        let scoped: JSONValue = ["role": "a", "type": "b", "id": "c"]
        switch Int.random(in: 0..<4, using: &source) {
        case 0: object["scoped_roles"] = [scoped]
        case 1: object["scoped_roles"] = [scoped, ["role": "jts", "type": "", "id": "0"]]
        default: break
        }
        for _ in 0..<Int.random(in: 0...2, using: &source) {
            guard let name = object.keys.randomElement(using: &source) else { continue }
            object[name] = Int.random(in: 0..<4, using: &source) == 0 ? nil : wrong.randomElement(using: &source)
        }
        return JSONObject(object.members.shuffled(using: &source).map { ($0.key, $0.value) })
    }

    // MARK: What tokens have in common

    @Test func sharedValuesAreFoundByTheirText() throws {
        let values = SharedValues<[String]>()
        func read(_ text: String) -> (value: [String]?, isAtEnd: Bool, made: Bool) {
            var made = false
            let bytes = Array(text.utf8)
            return bytes.withUnsafeBytes { bytes in
                var reader = PlainJSONReader(bytes)
                let value = values.read(&reader) { reader in
                    made = true
                    return reader.texts()
                }
                return (value, reader.isAtEnd, made)
            }
        }
        for text in [#"["a"]"#, #"["a","b"]"#, #"["a]"]"#, "[]"] {
            let (first, second) = (read(text), read(text))
            #expect(first.made && first.isAtEnd && !second.made && second.isAtEnd)
            let parsed = try JSONValue(parsing: text).strings
            #expect(first.value == parsed && second.value == parsed)
        }
        #expect(read(#"["a"],"#).isAtEnd == false)
        #expect(read(#"["a""#).value == nil)
        for number in 0..<40 { #expect(read("[\"\(number)\"]").value == ["\(number)"]) }
        #expect(read(#"["39"]"#).made == false)
        #expect(read(#"["a"]"#).made, "the oldest has left")
    }
}
