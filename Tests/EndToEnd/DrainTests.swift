import Foundation
import StrictJSON
import Synchronization
import TestSupport
import Testing

/// SIGTERM in the middle of everything: what a service has taken in it also answers.
///
/// Counted by effect: whatever the service did, it must have told. A request that was cut before it was taken leaves
/// nothing behind, and its client knows that it failed.
@Suite struct DrainTests {
    @Test func orderAPI() async throws {
        try await withSystem { system in
            var tokens: [String] = []
            for _ in 0..<3 {
                tokens.append(try await system.person("trader", enrol: false).signIn(system.http).access)
            }
            let owners = tokens
            let service = try #require(system.orderAPI)
            var known: Set<String> = []
            for _ in 0..<3 {
                let answered = Mutex(Set<String>())
                let load = Load(clients: 12) { index, _ in
                    let answer = try await system.orders.placeOrder(owners[index % owners.count]).require(201)
                    let id = try answer.string("id")
                    answered.withLock { _ = $0.insert(id) }
                }
                try await eventually("some orders", within: .seconds(60)) { load.count > 100 }
                let status = await service.terminate()
                _ = await load.stop()
                #expect(status == 0)
                try await service.start()

                var kept: Set<String> = []
                for token in owners { kept.formUnion(try await orders(token, in: system)) }
                let told = answered.withLock { $0 }
                #expect(kept.isSuperset(of: told), "\(told.subtracting(kept).count) answered orders are gone")
                known.formUnion(told)
                let untold = kept.subtracting(known)
                #expect(untold.isEmpty, "\(untold.count) orders were placed and not answered")
            }
        }
    }

    private func orders(_ token: String, in system: TestSystem) async throws -> Set<String> {
        var found: Set<String> = []
        var cursor: String?
        repeat {
            let place = cursor.map { "&cursor=\($0)" } ?? ""
            let page = try await system.orders.call("GET", "/v1/orders?limit=200\(place)", token: token).require(200)
            found.formUnion((page.json["orders"]?.array ?? []).compactMap { $0["id"]?.string })
            cursor = page.json["next_cursor"]?.string
        } while cursor != nil
        return found
    }

    @Test func tokenService() async throws {
        let folder = try TemporaryDirectory("jts-roles")
        let roles = try String(contentsOfFile: Project.file("deploy/config/roles.yaml"), encoding: .utf8)
        // No limit of sessions gets in the way of counting them.
        let roomy = roles.replacing("session_limit: { maximum: 10,", with: "session_limit: { maximum: 100000,")
        var options = TestSystemOptions()
        options.runsOrderAPI = false
        options.environment = ["ROLES_FILE": try folder.write(roomy, to: "roles.yaml"), "ARGON2_QUEUE": "200"]
        try await withSystem(options) { system in
            var viewers: [TestPerson] = []
            for _ in 0..<6 { viewers.append(try await system.person("viewer", enrol: false)) }
            let people = viewers
            var chains: [Box<String>] = []
            for _ in 0..<4 {
                let session = try await system.person("trader", enrol: false).signIn(system.http)
                chains.append(Box(session.refresh))
            }
            let refreshing = chains
            for person in people {
                try await system.http.call(
                    "DELETE", "/v1/users/\(person.id)/sessions", token: try await system.adminToken()
                ).require(204)
            }

            let answered = Mutex(Set<String>())
            let signIns = Load(clients: people.count) { index, _ in
                let session = try await people[index].signIn(system.http)
                answered.withLock { _ = $0.insert(session.sessionID) }
            }
            let refreshes = Load(clients: refreshing.count) { index, _ in
                let answer = try await system.http.refresh(refreshing[index].value).require(200)
                refreshing[index].value = try answer.string("refresh_token")
            }
            try await eventually("some load", within: .seconds(60)) { signIns.count > 60 && refreshes.count > 60 }
            let status = await system.tokenServices[0].terminate()
            _ = await signIns.stop()
            _ = await refreshes.stop()
            #expect(status == 0)
            try await system.tokenServices[0].start()

            var kept: Set<String> = []
            for person in people {
                let listed = try await system.http.call(
                    "GET", "/v1/users/\(person.id)/sessions", token: try await system.adminToken()
                ).require(200)
                kept.formUnion((listed.json["sessions"]?.array ?? []).compactMap { $0["id"]?.string })
            }
            let told = answered.withLock { $0 }
            #expect(told.subtracting(kept).isEmpty, "answered sessions are gone")
            #expect(kept.subtracting(told).isEmpty, "\(kept.subtracting(told).count) sessions were never answered")
            // No chain is broken: the last token that a client has is good for the next.
            for chain in refreshing { try await system.http.refresh(chain.value).require(200) }
        }
    }
}
