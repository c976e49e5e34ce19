import Foundation
import StrictJSON
import TestSupport
import Testing

@testable import PolicyService

@Suite("AuthZEN")
struct AccessAPITests {
    static let caller = "svc/decisions:evaluate"

    @Test("every decision of the published interop scenario, with its policy in Cedar")
    func interop() async throws {
        let world = try await PolicyWorld(policies: Project.file("Tests/PolicyServiceTests/todo"))
        let entities = try JSONValue(
            parsing: [UInt8](
                Data(contentsOf: URL(fileURLWithPath: Project.file("Tests/PolicyServiceTests/todo-entities.json")))))
        try await world.put(try #require(entities.array))
        let file = URL(fileURLWithPath: Project.file("../shared/conformance/authzen/todo-decisions.json"))
        let suite = try JSONValue(parsing: [UInt8](Data(contentsOf: file)))
        let single = try #require(suite["evaluation"]?.array)
        for (index, test) in single.enumerated() {
            let answer = try await world.caller.send(
                .post, "/access/v1/evaluation", test["request"] ?? .null, as: AccessAPITests.caller)
            #expect(answer.status == 200, "\(index): \(answer.json)")
            #expect(answer["decision"]?.bool == test["expected"]?.bool, "\(index): \(test) \(answer.json)")
        }
        let many = try #require(suite["evaluations"]?.array)
        for (index, test) in many.enumerated() {
            let answer = try await world.caller.send(
                .post, "/access/v1/evaluations", test["request"] ?? .null, as: AccessAPITests.caller)
            let decisions = answer["evaluations"]?.array?.map { $0["decision"]?.bool }
            let expected = test["expected"]?.array?.map { $0["decision"]?.bool }
            #expect(decisions == expected, "\(index): \(answer.json)")
        }
        print("AuthZEN interop: \(single.count) evaluations, \(many.count) lists of evaluations")
        #expect(single.count >= 40 && many.count >= 3)
    }

    private func order(_ notional: Int64, owner: String = "alice") -> JSONValue {
        [
            "subject": ["type": "User", "id": "alice"], "action": ["name": "orders:place"],
            "resource": [
                "type": "Order", "id": "o1",
                "properties": [
                    "owner": ["__entity": ["type": "User", "id": .string(owner)]],
                    "instrument": ["__entity": ["type": "Instrument", "id": "EURUSD"]],
                    "desk": ["__entity": ["type": "Desk", "id": "fx"]], "notional": .int(notional),
                ],
            ],
            "context": ["amr": ["pwd", "otp"], "client_certificate": false],
        ]
    }

    private func desk() async throws -> PolicyWorld {
        let world = try await PolicyWorld()
        try await world.put([
            ["uid": ["type": "Platform", "id": "platform"], "attrs": ["halted": false], "parents": []],
            [
                "uid": ["type": "Desk", "id": "fx"],
                "attrs": ["halted": false, "order_limit": 1_000_000, "networks": []],
                "parents": [["type": "Platform", "id": "platform"]],
            ],
            ["uid": ["type": "Instrument", "id": "EURUSD"], "attrs": ["halted": false], "parents": []],
            [
                "uid": ["type": "User", "id": "alice"], "attrs": ["order_limit": 1_000],
                "parents": [["type": "Role", "id": "trader"], ["type": "Desk", "id": "fx"]],
            ],
        ])
        return world
    }

    @Test("the answer names the policies, the version and the reason")
    func answers() async throws {
        let world = try await desk()
        let allowed = try await world.caller.send(
            .post, "/access/v1/evaluation", order(1_000), as: AccessAPITests.caller)
        #expect(allowed["decision"]?.bool == true, "\(allowed.json)")
        #expect(allowed["context"]?["policies"]?.strings == ["trader-places-own-orders"])
        let denied = try await world.caller.send(
            .post, "/access/v1/evaluation", order(1_001), as: AccessAPITests.caller)
        #expect(denied["decision"]?.bool == false)
        #expect(denied["context"]?["policies"]?.strings == ["order-above-own-limit"])
        #expect(denied["context"]?["reason_user"]?["en"]?.string == "The order is above your limit.")
        #expect(denied["context"]?["policy_version"]?.int == 1)
    }

    @Test("nobody asserts what is not hers to say")
    func assertions() async throws {
        let world = try await desk()
        var question = order(5_000).object ?? [:]
        question["subject"] = ["type": "User", "id": "alice", "properties": ["order_limit": 1_000_000]]
        let answer = try await world.caller.send(
            .post, "/access/v1/evaluation", .object(question), as: AccessAPITests.caller)
        #expect(answer.status == 400 && answer["detail"]?.string?.contains("order_limit") == true, "\(answer.json)")
        question = order(5).object ?? [:]
        question["context"] = ["now": "2026-01-01T00:00:00Z"]
        let context = try await world.caller.send(
            .post, "/access/v1/evaluation", .object(question), as: AccessAPITests.caller)
        #expect(context.status == 400)
    }

    @Test("lists stop where their semantic says, and take what they lack from around them")
    func semantics() async throws {
        let world = try await desk()
        let base = order(5).object ?? [:]
        func ask(_ semantic: String?, _ notionals: [Int64]) async throws -> [Bool?]? {
            var body = base
            body["resource"] = nil
            body["evaluations"] = .array(notionals.map { ["resource": order($0)["resource"] ?? .null] })
            body["options"] = semantic.map { ["evaluations_semantic": .string($0)] }
            let answer = try await world.caller.send(
                .post, "/access/v1/evaluations", .object(body), as: AccessAPITests.caller)
            return answer["evaluations"]?.array?.map { $0["decision"]?.bool }
        }
        #expect(try await ask(nil, [5, 9_999, 5]) == [true, false, true])
        #expect(try await ask("execute_all", [5, 9_999, 5]) == [true, false, true])
        #expect(try await ask("deny_on_first_deny", [5, 9_999, 5]) == [true, false])
        #expect(try await ask("permit_on_first_permit", [9_999, 5, 5]) == [false, true])
        let bad = try await world.caller.send(
            .post, "/access/v1/evaluations",
            ["evaluations": [["subject": 1]], "options": ["evaluations_semantic": "some"]], as: AccessAPITests.caller)
        #expect(bad.status == 400)
        let single = try await world.caller.send(
            .post, "/access/v1/evaluations", order(5), as: AccessAPITests.caller)
        #expect(single["decision"]?.bool == true)
        var partly = base
        partly["evaluations"] = [["resource": ["type": "Order"]], [:]]
        let answers = try await world.caller.send(
            .post, "/access/v1/evaluations", .object(partly), as: AccessAPITests.caller)
        #expect(answers["evaluations"]?.array?.map { $0["decision"]?.bool } == [false, true])
        #expect(answers["evaluations"]?.array?.first?["context"]?["error"]?["status"]?.int == 400)
    }

    @Test(
        "what cannot be understood is a 400",
        arguments: [
            "{}", "[]", "{\"subject\":{\"type\":\"User\",\"id\":\"a\"}}",
            "{\"subject\":{\"type\":\"User\",\"id\":1},\"action\":{\"name\":\"x\"},\"resource\":{\"type\":\"Desk\",\"id\":\"d\"}}",
            "{\"subject\":{\"type\":\"a b\",\"id\":\"a\"},\"action\":{\"name\":\"x\"},\"resource\":{\"type\":\"Desk\",\"id\":\"d\"}}",
            "{\"subject\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{},\"resource\":{\"type\":\"Desk\",\"id\":\"d\"}}",
            "{\"subject\":{\"type\":\"User\",\"id\":\"a\"},\"action\":{\"name\":\"x\"},\"resource\":{\"type\":\"Desk\",\"id\":\"d\"},\"context\":[]}",
        ])
    func malformed(_ text: String) async throws {
        let world = try await PolicyWorld()
        let answer = try await world.caller.send(
            .post, "/access/v1/evaluation", bytes: Array(text.utf8), as: AccessAPITests.caller)
        #expect(answer.status == 400, "\(answer.json)")
    }

    @Test("an explanation names policies with their text, and the entities that were looked at")
    func explain() async throws {
        let world = try await desk()
        let answer = try await world.caller.send(.post, "/v1/explain", order(1_001), as: PolicyWorld.administrator)
        #expect(answer["decision"]?.bool == false, "\(answer.json)")
        let policy = answer["policies"]?.array?.first
        #expect(policy?["file"]?.string == "limits.cedar")
        #expect(policy?["annotations"]?["reason"]?.string == "The order is above your limit.")
        #expect(policy?["text"]?.string?.hasPrefix("@id(\"order-above-own-limit\")") == true)
        let uids = Set((answer["entities"]?.array ?? []).compactMap { $0["uid"]?["id"]?.string })
        #expect(uids.isSuperset(of: ["alice", "o1", "fx"]))
    }
}
