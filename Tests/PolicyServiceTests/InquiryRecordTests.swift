import APISecurity
import Cedar
import Contracts
import Crypto
import RouteTesting
import ServiceKit
import StrictJSON
import Synchronization
import Testing

@testable import PolicyService
@testable import SecurityClient

/// What goes on record of questions that are asked here.
@Suite struct InquiryRecordTests {
    private final class Kept: RefusalSink {
        let events = Mutex<[SecurityEvent]>([])
        func record(_ events: [SecurityEvent]) async throws { self.events.withLock { $0 += events } }
    }

    private struct World {
        let world: PolicyWorld
        let caller: RouteCaller
        let record: DecisionRecord
        let kept = Kept()

        init() async throws {
            let world = try await PolicyWorld()
            let clock: @Sendable () -> Int64 = { world.now }
            record = DecisionRecord(sink: kept, clock: clock, logger: quiet)
            let router = SecureRouter(
                authenticator: NamingAuthenticator { world.now },
                options: .init(metrics: MetricsRegistry(), clock: clock, accessLog: .none))
            let point = world.service.point
            AccessAPI(
                point: point, shadow: ShadowEvaluation(point: point, clock: clock), publicURL: "http://localhost",
                clock: clock, record: record
            ).register(on: router)
            SearchAPI(
                point: point, tokens: SearchTokens(key: SymmetricKey(size: .bits256)), clock: clock, record: record
            ).register(on: router)
            caller = RouteCaller(router)
            self.world = world
            try await world.put([
                ["uid": ["type": "Platform", "id": "platform"], "attrs": ["halted": false], "parents": []],
                [
                    "uid": ["type": "Desk", "id": "fx"],
                    "attrs": ["halted": false, "order_limit": 1_000_000, "networks": []],
                    "parents": [["type": "Platform", "id": "platform"]],
                ],
                [
                    "uid": ["type": "User", "id": "alice"], "attrs": [:],
                    "parents": [["type": "Desk", "id": "fx"], ["type": "Role", "id": "risk-manager"]],
                ],
            ])
        }

        func recorded() async throws -> [SecurityEvent] {
            let running = record.services.map { service in Task { try await service.run() } }
            for task in running { task.cancel() }
            for task in running { try await task.value }
            return kept.events.withLock { $0 }
        }

        func ask(_ path: String, _ body: JSONValue) async throws -> RouteCaller.Answer {
            try await caller.send(.post, path, body, as: "gate/decisions:evaluate")
        }
    }

    private func question(_ action: String, subject: String, type: String = "User") -> JSONObject {
        [
            "subject": ["type": .string(type), "id": .string(subject)], "action": ["name": .string(action)],
            "resource": ["type": "Desk", "id": "fx"], "context": ["amr": ["pwd"], "client_certificate": false],
        ]
    }

    @Test func denialsNameWhoAsksAndWhomItIsAbout() async throws {
        let world = try await World()
        for _ in 0..<3 {
            let answer = try await world.ask(
                "/access/v1/evaluation", .object(question("positions:view", subject: "bob")))
            #expect(answer["decision"] == false)
        }
        let allowed = try await world.ask(
            "/access/v1/evaluation", .object(question("positions:view", subject: "alice")))
        #expect(allowed["decision"] == true, "\(allowed.json)")
        let events = try await world.recorded()
        #expect(events.allSatisfy { $0.kind == .decisionDenied && $0.outcome == .refused })
        #expect(events.reduce(0) { $0 + ($1.fields["refusals"]?.int ?? 0) } == 3)
        let event = try #require(events.first)
        #expect(event.subject == "bob" && event.actor == "gate" && event.sessionID == nil)
        #expect(event.reason == "not_permitted" && event.requestID != nil)
        #expect(event.fields["principal"] == #"User::"bob""# && event.fields["action"] == "positions:view")
        #expect(event.fields["resource"] == #"Desk::"fx""# && event.fields["policy_version"] == 1)
        #expect(event.fields["search"] == nil)
    }

    @Test func thoseOfAListTooAndPrivilegedActs() async throws {
        let world = try await World()
        var list = question("killswitch:lift", subject: "alice")
        list["evaluations"] = [
            [:], ["subject": ["type": "User", "id": "bob"]], ["subject": ["type": "Service", "id": "bob"]],
            ["subject": 1],
        ]
        let answer = try await world.ask("/access/v1/evaluations", .object(list))
        #expect(answer["evaluations"]?.array?.map { $0["decision"]?.bool } == [true, false, false, false])
        let events = try await world.recorded()
        #expect(events.filter { $0.kind == .decisionAllowed }.map(\.subject) == ["alice"], "\(events)")
        let denied = events.filter { $0.kind == .decisionDenied }
        // Two of the same id that are not the same.
        #expect(
            Set(denied.compactMap { $0.fields["principal"]?.string }) == [#"User::"bob""#, #"Service::"bob""#])
    }

    @Test func searchesAreOneDenialAPage() async throws {
        let world = try await World()
        var body = question("positions:view", subject: "nobody")
        body["resource"] = ["type": "Desk"]
        let found = try await world.ask("/access/v1/search/resource", .object(body))
        #expect(found["results"] == [], "\(found.json)")
        body = question("positions:view", subject: "")
        body["subject"] = ["type": "User"]
        // Alice is everybody, and may.
        #expect(try await world.ask("/access/v1/search/subject", .object(body))["page"]?["count"] == 1)
        body["action"] = nil
        body["subject"] = ["type": "User", "id": "alice"]
        #expect(try await world.ask("/access/v1/search/action", .object(body)).status == 200)
        let events = try await world.recorded()
        #expect(events.compactMap { $0.fields["search"]?.string }.sorted() == ["action", "resource"], "\(events)")
        let event = try #require(events.first { $0.fields["search"] == "resource" })
        #expect(event.actor == "gate" && event.subject == "nobody" && event.fields["resource"] == "Desk")
        #expect(events.first { $0.fields["search"] == "action" }?.fields["action"] == nil)
    }

    @Test func whatIsSaidIsCut() async throws {
        let world = try await World()
        let long = String(repeating: "é", count: 50_000)
        _ = try await world.ask("/access/v1/evaluation", .object(question("positions:view", subject: long)))
        let event = try #require(try await world.recorded().first)
        #expect(event.json().encoded().count < 3_000)
        #expect(event.subject?.hasSuffix("…") == true)
    }
}
