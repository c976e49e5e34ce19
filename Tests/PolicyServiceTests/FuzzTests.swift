import Foundation
import HTTPTypes
import RouteTesting
import StrictJSON
import TestSupport
import Testing

@testable import PolicyService

/// Every route that takes a body, with bodies that were good once: never a fault of the service.
@Suite struct FuzzTests {
    private static let question = """
        {"subject":{"type":"User","id":"alice"},"action":{"name":"orders:place"},"resource":{"type":"Order","id":"o1",\
        "properties":{"notional":5,"owner":{"__entity":{"type":"User","id":"alice"}},"desk":{"__entity":{"type":"Desk",\
        "id":"fx"}},"instrument":{"__entity":{"type":"Instrument","id":"EURUSD"}}}},\
        "context":{"amr":["pwd"],"client_certificate":false,"address":{"__extn":{"fn":"ip","arg":"10.0.0.1"}}}}
        """

    private static let bodies: [(HTTPRequest.Method, String, String)] = [
        (
            .post, "/v1/policies/versions",
            "{\"files\":{\"schema.cedarschema\":\"entity User; entity Desk; action \\\"v\\\" appliesTo { principal: User, "
                + "resource: Desk };\",\"a.cedar\":\"permit (principal, action == Action::\\\"v\\\", resource);\","
                + "\"tests/t.json\":\"{\\\"tests\\\":[]}\",\"links.json\":\"[]\",\"attributes.json\":\"{}\"},\"reason\":\"x\"}"
        ),
        (.post, "/v1/policies/activations", "{\"version\":1,\"reason\":\"x\"}"),
        (.post, "/v1/policies/activations/1/approve", "{}"),
        (.post, "/v1/policies/rollback", "{\"reason\":\"x\"}"),
        (
            .post, "/v1/entities",
            "{\"put\":[{\"uid\":{\"type\":\"Desk\",\"id\":\"fx\"},\"attrs\":{\"halted\":false,\"order_limit\":5,"
                + "\"networks\":[{\"__extn\":{\"fn\":\"ip\",\"arg\":\"10.0.0.0/8\"}}]},\"parents\":[]}],"
                + "\"removed\":[{\"type\":\"User\",\"id\":\"bob\"}],\"reason\":\"x\"}"
        ),
        (.put, "/v1/kill-switches/Desk/fx", "{\"reason\":\"x\"}"),
        (.delete, "/v1/kill-switches/Desk/fx", "{\"reason\":\"x\"}"),
        (.put, "/v1/roles/clerk", #"{"permissions":["orders:view"],"scopes":["Desk"],"privileged":true,"reason":"x"}"#),
        (.put, "/v1/constraints/pair", #"{"kind":"static","roles":["clerk","viewer"],"maximum":1,"reason":"x"}"#),
        (
            .post, "/v1/assignments",
            #"{"subject":"vera","role":"trader","scope":{"type":"Desk","id":"fx"},"#
                + #""starts_at":"2030-01-01T00:00:00Z","ends_at":"2031-01-01T00:00:00.5+01:00","reason":"x"}"#
        ),
        (.delete, "/v1/assignments/1", #"{"reason":"x"}"#),
        (
            .post, "/v1/elevations",
            #"{"role":"risk-override","scope":{"type":"Desk","id":"fx"},"seconds":60,"reason":"x"}"#
        ),
        (.post, "/v1/elevations/1/approve", #"{"reason":"x"}"#),
        (.post, "/v1/elevations/1/reject", #"{"reason":"x"}"#),
        (.post, "/v1/elevations/1/end", #"{"reason":"x"}"#),
        (.put, "/v1/policies/shadow", "{\"version\":1,\"reason\":\"x\"}"),
        (.post, "/access/v1/evaluation", question),
        (
            .post, "/access/v1/evaluations",
            "{\"evaluations\":[\(question),{}],\"options\":{\"evaluations_semantic\":\"deny_on_first_deny\"}}"
        ),
        (.post, "/v1/explain", question),
        (
            .post, "/access/v1/search/subject",
            #"{"subject":{"type":"User"},"action":{"name":"positions:view"},"resource":{"type":"Desk","id":"fx"},"#
                + #""context":{"amr":[],"client_certificate":false},"page":{"limit":2,"properties":{"a":[1]}}}"#
        ),
        (
            .post, "/access/v1/search/resource",
            #"{"subject":{"type":"User","id":"a"},"action":{"name":"orders:view"},"resource":{"type":"Order","#
                + #""properties":{"notional":1}},"context":{"amr":["pwd"],"client_certificate":true},"page":{"limit":0}}"#
        ),
        (
            .post, "/access/v1/search/action",
            #"{"subject":{"type":"User","id":"a"},"resource":{"type":"Desk","id":"fx"},"#
                + #""context":{"amr":["otp"],"client_certificate":false,"authenticated_at_age":5},"page":{}}"#
        ),
    ]

    private static let understood: Set = [
        "/v1/policies/versions", "/v1/policies/activations", "/v1/entities", "/access/v1/evaluation",
        "/access/v1/evaluations", "/v1/explain", "/access/v1/search/subject", "/access/v1/search/resource",
        "/access/v1/search/action", "/v1/roles/clerk", "/v1/constraints/pair", "/v1/assignments", "/v1/elevations",
    ]
    /// Gives roles, and asks for one for a while.
    private static let administrator =
        PolicyWorld.administrator
        + ",roles:read,roles:write,assignments:write,assignments:end,elevations:request,elevations:approve,elevations:end"
        + "/admin,risk-manager"
    private static let nasty: [UInt8] =
        Array("{}[]\",:\\-+.eE0129tfn\u{0}\u{7F} \n()|&=<>?*'`/_$%~".utf8) + [0xFF, 0xC0, 0x80]

    /// One of a body's many neighbours.
    private func mutant(_ body: [UInt8], _ random: inout SystemRandomNumberGenerator) -> [UInt8] {
        var bytes = body
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            guard !bytes.isEmpty else { break }
            let index = Int.random(in: bytes.indices, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0: bytes[index] = FuzzTests.nasty.randomElement(using: &random) ?? 0
            case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.remove(at: index)
            case 3: bytes.insert(FuzzTests.nasty.randomElement(using: &random) ?? 0, at: index)
            case 4: bytes = Array(bytes[..<index])
            case 5:
                let end = Int.random(in: index..<bytes.count, using: &random)
                bytes.insert(contentsOf: bytes[index...end], at: index)
            case 6:
                let end = Int.random(in: index..<bytes.count, using: &random)
                bytes.removeSubrange(index...end)
            default:
                let numbers = [
                    "9223372036854775808", "-9223372036854775808", "1e999", "null", "[]", "{}", "\"\"", "-0",
                ]
                bytes.insert(contentsOf: Array((numbers.randomElement(using: &random) ?? "0").utf8), at: index)
            }
        }
        return bytes
    }

    private func expectClear(_ answer: RouteCaller.Answer, _ what: @autoclosure () -> String) {
        #expect(answer.status < 500, "\(what()) -> \(answer.status) \(answer.json)")
        if answer.status >= 400 {
            #expect(answer.json["type"]?.string?.hasPrefix("urn:jts:problem:") == true, "\(what())")
        }
    }

    @Test func mutatedBodies() async throws {
        let world = try await PolicyWorld()
        var random = SystemRandomNumberGenerator()
        let rounds = ProcessInfo.processInfo.environment["JTS_LONG"] == "1" ? 20_000 : 500
        for (method, path, body) in FuzzTests.bodies {
            let good = Array(body.utf8)
            for round in 0..<rounds {
                let bytes = round == 0 ? good : mutant(good, &random)
                let answer = try await world.caller.send(method, path, bytes: bytes, as: FuzzTests.administrator)
                expectClear(answer, "\(method) \(path) \(Data(bytes).base64EncodedString())")
                // The neighbours are of something that is understood.
                if round == 0, FuzzTests.understood.contains(path) {
                    #expect(answer.status < 300, "\(path): \(answer.json)")
                }
            }
        }
        // What was decided by is still whole.
        #expect(
            try await world.caller.send(.get, "/v1/policies/activations", as: FuzzTests.administrator).status == 200)
        #expect(try await world.caller.send(.get, "/v1/bundles/policies", as: "svc/bundles:read").status == 200)
        #expect(try await world.caller.send(.get, "/v1/bundles/entities", as: "svc/bundles:read").status == 200)
    }

    /// Whole values of the wrong kind at every place of every body.
    @Test func wrongValuesEverywhere() async throws {
        let world = try await PolicyWorld()
        let wrong: [JSONValue] = [
            .null, true, .int(.max), .int(.min), .double(1.5), "", .string(String(repeating: "x", count: 70_000)),
            "a\u{0}b", "\u{202E}", [], [[]], [:], ["": .null], ["__entity": ["type": "", "id": ""]],
            ["__extn": ["fn": "ip", "arg": "x"]], ["__extn": ["fn": "nothing", "arg": "x"]],
            ["__expr": "1 + 1"],
        ]
        for (method, path, body) in FuzzTests.bodies {
            let good = try JSONValue(parsing: body)
            for place in FuzzTests.places(good) {
                for value in wrong {
                    let changed = FuzzTests.replacing(place[...], in: good, by: value)
                    let answer = try await world.caller.send(method, path, changed, as: FuzzTests.administrator)
                    expectClear(answer, "\(method) \(path) at \(place): \(String("\(value)".prefix(80)))")
                }
            }
        }
    }

    @Test func pathsAndQueries() async throws {
        let world = try await PolicyWorld()
        let parts = ["0", "-1", "9223372036854775807", "9223372036854775808", "x", "%00", "%FF", "..", "a%2Fb", "1e3"]
        for part in parts {
            for path in [
                "/v1/policies/versions/\(part)", "/v1/policies/versions/\(part)/diff",
                "/v1/policies/versions/1/diff?against=\(part)", "/v1/entities/Desk/\(part)", "/v1/entities/\(part)/fx",
                "/v1/policies/versions?limit=\(part)", "/v1/policies/versions?cursor=\(part)",
                "/v1/policies/activations?cursor=\(part)", "/v1/entities?cursor=\(part)", "/v1/entities?type=\(part)",
                "/v1/roles/\(part)", "/v1/assignments/\(part)", "/v1/elevations/\(part)",
                "/v1/assignments?subject=\(part)", "/v1/assignments?role=\(part)", "/v1/assignments?state=\(part)",
                "/v1/assignments?cursor=\(part)", "/v1/elevations?subject=\(part)", "/v1/elevations?cursor=\(part)",
                "/v1/elevations?limit=\(part)", "/v1/bundles/roles?after=\(part)",
            ] {
                expectClear(
                    try await world.caller.send(.get, path, as: FuzzTests.administrator), "GET \(path)")
            }
            for path in [
                "/v1/policies/activations/\(part)/approve", "/v1/policies/activations/\(part)/reject",
                "/v1/elevations/\(part)/approve", "/v1/elevations/\(part)/reject", "/v1/elevations/\(part)/end",
            ] {
                expectClear(try await world.caller.send(.post, path, as: FuzzTests.administrator), "POST \(path)")
            }
            for path in ["/v1/kill-switches/Desk/\(part)", "/v1/kill-switches/\(part)/fx"] {
                expectClear(
                    try await world.caller.send(.put, path, ["reason": "x"], as: FuzzTests.administrator),
                    "PUT \(path)")
            }
        }
    }

    // MARK: Places of a value

    private static func places(_ value: JSONValue, _ here: [String] = []) -> [[String]] {
        var found = [here]
        for member in value.object?.members ?? [] { found += places(member.value, here + [member.key]) }
        for (index, element) in (value.array ?? []).enumerated() { found += places(element, here + ["\(index)"]) }
        return found
    }

    private static func replacing(_ place: ArraySlice<String>, in value: JSONValue, by new: JSONValue) -> JSONValue {
        guard let key = place.first else { return new }
        if var object = value.object {
            object[key] = replacing(place.dropFirst(), in: object[key] ?? .null, by: new)
            return .object(object)
        }
        guard var array = value.array, let index = Int(key), array.indices.contains(index) else { return value }
        array[index] = replacing(place.dropFirst(), in: array[index], by: new)
        return .array(array)
    }
}
