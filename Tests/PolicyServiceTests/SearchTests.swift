import Cedar
import Foundation
import RouteTesting
import StrictJSON
import TestSupport
import Testing

@testable import PolicyService
@testable import SecurityClient

@Suite("AuthZEN searches")
struct SearchTests {
    private static let caller = "svc/decisions:evaluate"

    /// Two desks, with some people each.
    private func desks(people: Int = 3) async throws -> PolicyWorld {
        let world = try await PolicyWorld()
        var entities: [JSONValue] = [
            ["uid": ["type": "Platform", "id": "platform"], "attrs": ["halted": false], "parents": []]
        ]
        for desk in ["fx", "rates"] {
            entities.append([
                "uid": ["type": "Desk", "id": .string(desk)],
                "attrs": ["halted": false, "order_limit": 1_000_000, "networks": []],
                "parents": [["type": "Platform", "id": "platform"]],
            ])
            for number in 0..<people {
                entities.append([
                    "uid": ["type": "User", "id": .string("\(desk)-\(number)")], "attrs": [:],
                    "parents": [["type": "Desk", "id": .string(desk)]],
                ])
            }
        }
        try await world.put(entities)
        return world
    }

    private static let context: JSONValue = ["amr": ["pwd"], "client_certificate": false]

    private func search(
        _ world: PolicyWorld, _ kind: String, _ body: JSONObject, page: JSONValue? = nil
    ) async throws -> RouteCaller.Answer {
        var body = body
        body["context"] = body["context"] ?? Self.context
        body["page"] = page
        return try await world.caller.send(
            .post, "/access/v1/search/\(kind)", .object(body), as: Self.caller)
    }

    private static let viewers: JSONObject = [
        "subject": ["type": "User"], "action": ["name": "positions:view"], "resource": ["type": "Desk", "id": "fx"],
    ]

    @Test("who may, on what, and by which actions")
    func threeKinds() async throws {
        let world = try await desks()
        let subjects = try await search(world, "subject", Self.viewers)
        #expect(subjects.status == 200, "\(subjects.json)")
        #expect(
            subjects["results"]
                == [
                    ["type": "User", "id": "fx-0"], ["type": "User", "id": "fx-1"], ["type": "User", "id": "fx-2"],
                ])
        #expect(subjects["page"] == ["next_token": "", "count": 3])
        #expect(subjects["context"]?["policy_version"]?.int == 1)
        let resources = try await search(
            world, "resource",
            [
                "subject": ["type": "User", "id": "rates-1"], "action": ["name": "positions:view"],
                "resource": ["type": "Desk", "id": "what is ignored"],
            ])
        #expect(resources["results"] == [["type": "Desk", "id": "rates"]], "\(resources.json)")
        let actions = try await search(
            world, "action",
            ["subject": ["type": "User", "id": "fx-0"], "resource": ["type": "Desk", "id": "fx"]])
        #expect(
            actions["results"]
                == [["name": "killswitch:use"], ["name": "orders:view"], ["name": "positions:view"]],
            "\(actions.json)")
        let nothing = try await search(
            world, "action",
            ["subject": ["type": "User", "id": "fx-0"], "resource": ["type": "Desk", "id": "rates"]])
        #expect(nothing["results"] == [] && nothing["page"]?["next_token"] == "")
    }

    @Test("every result is one of which evaluation says yes, and nobody else")
    func asEvaluationSays() async throws {
        let world = try await desks()
        for action in ["positions:view", "orders:view", "killswitch:use", "positions:flatten", "risk:override"] {
            for desk in ["fx", "rates", "absent"] {
                var question: JSONObject = [
                    "action": ["name": .string(action)], "resource": ["type": "Desk", "id": .string(desk)],
                    "context": Self.context,
                ]
                var expected: [String] = []
                for id in (0..<3).flatMap({ ["fx-\($0)", "rates-\($0)"] }).sorted() {
                    question["subject"] = ["type": "User", "id": .string(id)]
                    let answer = try await world.caller.send(
                        .post, "/access/v1/evaluation", .object(question), as: Self.caller)
                    if answer["decision"]?.bool == true { expected.append(id) }
                }
                question["subject"] = ["type": "User"]
                let found = try await search(world, "subject", question)
                #expect(found["results"]?.array?.compactMap { $0["id"]?.string } == expected, "\(action) \(desk)")
            }
        }
    }

    @Test("pages follow each other by tokens that belong to their query")
    func pages() async throws {
        let world = try await desks(people: 5)
        var ids: [String] = []
        var token: String?
        var tokens: [String] = []
        repeat {
            var page: JSONObject = ["limit": 2]
            page["token"] = token.map { .string($0) }
            let answer = try await search(world, "subject", Self.viewers, page: .object(page))
            let found = try #require(answer["results"]?.array, "\(answer.json)")
            #expect(found.count <= 2 && answer["page"]?["count"]?.int == Int64(found.count))
            ids += found.compactMap { $0["id"]?.string }
            token = answer["page"]?["next_token"]?.string.flatMap { $0.isEmpty ? nil : $0 }
            if let token { tokens.append(token) }
        } while token != nil && tokens.count < 10
        #expect(ids == (0..<5).map { "fx-\($0)" })
        let good = try #require(tokens.first)
        // Members in another order are the same query.
        let turned = JSONObject(Self.viewers.members.reversed().map { ($0.key, $0.value) })
        let again = try await search(world, "subject", turned, page: ["token": .string(good), "limit": 2])
        #expect(again["results"]?.array?.first?["id"] == "fx-2")

        func refused(_ kind: String, _ body: JSONObject, _ page: JSONValue) async throws {
            let answer = try await search(world, kind, body, page: page)
            #expect(answer.status == 400 && answer.problem == "invalid-question", "\(page) \(answer.json)")
        }
        var other = Self.viewers
        other["resource"] = ["type": "Desk", "id": "rates"]
        try await refused("subject", other, ["token": .string(good), "limit": 2])
        other = Self.viewers
        other["context"] = ["amr": [], "client_certificate": false]
        try await refused("subject", other, ["token": .string(good), "limit": 2])
        try await refused("subject", Self.viewers, ["token": .string(good), "limit": 3])
        try await refused("subject", Self.viewers, ["token": .string(good)])
        try await refused("subject", Self.viewers, ["token": .string(good), "limit": 2, "properties": ["a": 1]])
        var resources = Self.viewers
        resources["subject"] = ["type": "User", "id": "fx-0"]
        try await refused("resource", resources, ["token": .string(good), "limit": 2])
        let letters = Array(good)
        for index in letters.indices {
            var changed = letters
            changed[index] = changed[index] == "A" ? "B" : "A"
            try await refused("subject", Self.viewers, ["token": .string(String(changed)), "limit": 2])
        }
        for token in ["", "x", "AA==", String(good.dropLast(4)), good + "AAAA"] {
            try await refused("subject", Self.viewers, ["token": .string(token), "limit": 2])
        }
        for page: JSONValue in [
            [], "x", ["limit": -1], ["limit": 1.5], ["limit": "2"], ["token": 1], ["properties": []],
        ] {
            try await refused("subject", Self.viewers, page)
        }
    }

    @Test("a limit of nothing, and one above the highest")
    func limits() async throws {
        let world = try await desks()
        let none = try await search(world, "subject", Self.viewers, page: ["limit": 0])
        #expect(none["results"] == [])
        let token = try #require(none["page"]?["next_token"]?.string)
        #expect(!token.isEmpty)
        let more = try await search(world, "subject", Self.viewers, page: ["limit": 0, "token": .string(token)])
        #expect(more["results"] == [] && more["page"]?["next_token"]?.string == token)
        let all = try await search(world, "subject", Self.viewers, page: ["limit": .int(.max)])
        #expect(all["page"] == ["next_token": "", "count": 3])
    }

    @Test("another replica goes on where one stopped")
    func replicas() async throws {
        let world = try await desks()
        let other = try await PolicyWorld(replicaOf: world)
        let first = try await search(world, "subject", Self.viewers, page: ["limit": 1])
        let token = try #require(first["page"]?["next_token"])
        let second = try await search(other, "subject", Self.viewers, page: ["limit": 1, "token": token])
        #expect(second["results"] == [["type": "User", "id": "fx-1"]], "\(second.json)")
    }

    @Test(
        "what cannot be understood is a 400",
        arguments: [
            ("subject", "{}"), ("subject", "[]"),
            ("subject", #"{"subject":{"type":"User"},"resource":{"type":"Desk","id":"fx"}}"#),
            (
                "subject",
                #"{"subject":{"type":"User"},"action":{"name":"nothing"},"resource":{"type":"Desk","id":"fx"}}"#
            ),
            ("subject", #"{"subject":{},"action":{"name":"orders:view"},"resource":{"type":"Desk","id":"fx"}}"#),
            ("subject", #"{"subject":{"type":"User"},"action":{"name":"orders:view"},"resource":{"type":"Desk"}}"#),
            ("resource", #"{"subject":{"type":"User"},"action":{"name":"orders:view"},"resource":{"type":"Desk"}}"#),
            (
                "resource",
                #"{"subject":{"type":"User","id":"a"},"action":{"name":"orders:view"},"resource":{"type":"Desk","properties":{"halted":true}}}"#
            ),
            ("action", #"{"subject":{"type":"User","id":"a"},"resource":{"type":"Desk"}}"#),
            (
                "action",
                #"{"subject":{"type":"User","id":"a"},"resource":{"type":"Desk","id":"fx"},"context":{"now":"x"}}"#
            ),
        ])
    func malformed(_ kind: String, _ text: String) async throws {
        let world = try await PolicyWorld()
        let answer = try await world.caller.send(
            .post, "/access/v1/search/\(kind)", bytes: Array(text.utf8), as: Self.caller)
        #expect(answer.status == 400, "\(answer.json)")
    }

    @Test("who may search is stated, and where")
    func accessAndMetadata() async throws {
        let world = try await PolicyWorld()
        for kind in ["subject", "resource", "action"] {
            let path = "/access/v1/search/\(kind)"
            #expect(try await world.caller.send(.post, path, [:], as: nil).status == 401)
            #expect(try await world.caller.send(.post, path, [:], as: "svc/orders:view").status == 403)
            let metadata = try await world.caller.send(.get, "/.well-known/authzen-configuration", as: nil)
            #expect(
                metadata["search_\(kind)_endpoint"]?.string?.hasSuffix(path) == true
                    && metadata["policy_decision_point"]?.string.map {
                        metadata["search_\(kind)_endpoint"]?.string?.hasPrefix($0) == true
                    } == true)
        }
    }

    // MARK: Work

    /// A thousand documents in folders, of which policies name some.
    private func library(_ policies: String) throws -> PolicySnapshot {
        let symbols = Symbols()
        let set = try PolicySnapshot.Policies(
            sequence: 1, version: 1,
            content: try PolicyContent(files: [
                "schema.cedarschema": SearchCase.schema, "a.cedar": policies,
                "attributes.json": #"{"entities":{"User":["level"]}}"#,
            ]), symbols: symbols)
        var entities = [
            Entity(uid: EntityUID(type: "User", id: "ann"), attributes: SearchCase.attributes(["level": .int(1)])),
            Entity(uid: EntityUID(type: "Folder", id: "f"), parents: [EntityUID(type: "Folder", id: "root")]),
        ]
        for number in 0..<1_000 {
            entities.append(
                Entity(
                    uid: EntityUID(type: "Doc", id: CedarString(String(number))),
                    attributes: SearchCase.attributes(["level": .int(Int64(number))]),
                    parents: [EntityUID(type: "Folder", id: number < 10 ? "f" : "root")]))
        }
        return PolicySnapshot(
            policies: set, entitySequence: 1,
            store: try PolicySnapshot.store(entities, schema: set.loaded.schema, symbols: symbols))
    }

    @Test(
        "only those are decided of whom a policy can hold",
        arguments: [
            (#"permit (principal, action, resource == Doc::"7");"#, 1, 1),
            (#"permit (principal, action, resource in Folder::"f");"#, 10, 10),
            (#"permit (principal, action, resource is Doc in Folder::"f") when { resource.level > 5 };"#, 10, 4),
            (#"permit (principal, action, resource) when { resource in [Folder::"f", Doc::"99"] };"#, 11, 11),
            (#"permit (principal, action, resource) when { principal == User::"bob" };"#, 0, 0),
            (#"permit (principal, action, resource is Folder);"#, 0, 0),
            (
                #"permit (principal, action, resource) unless { !(resource == Doc::"1" || resource == Doc::"2") };"#, 2,
                2
            ),
            (#"permit (principal, action, resource); forbid (principal == User::"ann", action, resource);"#, 0, 0),
            (#"permit (principal, action, resource) when { resource.level == 3 };"#, 1_000, 1),
            (#"permit (principal, action, resource in Folder::"root") when { resource == Doc::"5" };"#, 1, 1),
        ])
    func narrowed(_ policies: String, _ decided: Int, _ results: Int) throws {
        let search = Search(
            kind: .resource,
            question: try AccessQuestion(
                [
                    "subject": ["type": "User", "id": "ann"], "action": ["name": "view"],
                    "resource": ["type": "Doc"],
                ], search: .resource), snapshot: try library(policies), roles: AssignedRoles(), index: SearchIndex(),
            bounds: .init(time: .seconds(60)), now: 0)
        let found = try search.run(after: nil, limit: 5_000)
        #expect(found.isComplete && found.decided == decided && found.ids.count == results, "\(found.decided)")
    }

    @Test("what is asserted of everybody who is asked about counts where a policy names one of them")
    func asserted() throws {
        let snapshot = try library(#"permit (principal, action, resource) when { User::"ann".level > 2 };"#)
        func found(_ level: Int64) throws -> [String] {
            let question: JSONObject = [
                "subject": ["type": "User", "properties": ["level": .int(level)]], "action": ["name": "view"],
                "resource": ["type": "Doc", "id": "1"],
            ]
            return try Search(
                kind: .subject, question: try AccessQuestion(question, search: .subject), snapshot: snapshot,
                roles: AssignedRoles(), index: SearchIndex(), bounds: .init(time: .seconds(60)), now: 0
            ).run(after: nil, limit: 10).ids.map(\.string)
        }
        #expect(try found(3) == ["ann"])
        #expect(try found(2) == [])
    }

    @Test("a page ends when its work is done, with a token to go on")
    func bounded() throws {
        var search = Search(
            kind: .resource,
            question: try AccessQuestion(
                [
                    "subject": ["type": "User", "id": "ann"], "action": ["name": "view"],
                    "resource": ["type": "Doc"],
                ], search: .resource),
            snapshot: try library(#"permit (principal, action, resource) when { resource.level == 999 };"#),
            roles: AssignedRoles(), index: SearchIndex(), bounds: .init(decisions: 300, time: .seconds(60)), now: 0)
        var place: CedarString?
        var rounds: [(Int, [String])] = []
        repeat {
            let found = try search.run(after: place, limit: 100)
            rounds.append((found.decided, found.ids.map(\.string)))
            place = found.isComplete ? nil : found.last
        } while place != nil && rounds.count < 10
        #expect(rounds.map(\.0) == [300, 300, 300, 100])
        #expect(rounds.flatMap(\.1) == ["999"])
        // However little time there is, something is decided.
        search.bounds.time = .zero
        let found = try search.run(after: nil, limit: 100)
        #expect(!found.isComplete && found.decided == 64)
    }
}
