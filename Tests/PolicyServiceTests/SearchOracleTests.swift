import APISecurity
import Cedar
import Crypto
import Foundation
import StrictJSON
import Testing

@testable import PolicyService
@testable import SecurityClient

/// What searches find is what evaluation says yes to when it is asked about everybody.
@Suite struct SearchOracleTests {
    private static var cases: Int { ProcessInfo.processInfo.environment["JTS_LONG"] == "1" ? 20_000 : 1_500 }

    @Test func pagesJoinedAreTheAnswersOfEvaluation() throws {
        let tokens = SearchTokens(key: SymmetricKey(size: .bits256))
        var (searches, results, narrowed) = (0, 0, 0)
        for seed in 0..<UInt64(Self.cases) {
            var world = try SearchCase(seed: seed)
            let index = SearchIndex()
            for _ in 0..<4 {
                let (kind, body) = world.search()
                let expected = try everybody(kind, body, world)
                let limit = world.number(1...4)
                var bounds = Search.Bounds(decisions: world.number(1...6), time: .seconds(60))
                if world.number(1...5) == 1 { bounds.entities = world.number(0...6) }
                let search = Search(
                    kind: kind, question: try AccessQuestion(body, search: kind), snapshot: world.snapshot,
                    roles: world.roles, index: index, bounds: bounds, now: SearchCase.now)
                let found = try pages(search, body, limit, tokens)
                #expect(found.ids == expected, "seed \(seed): \(kind) \(body)\n\(world.policies)")
                searches += 1
                results += expected.count
                if kind != .action, found.decided < (try candidates(kind, body, world).count) { narrowed += 1 }
            }
        }
        print("searches: \(searches), with \(results) results; \(narrowed) decided fewer than there are")
        #expect(results > searches / 4 && narrowed > searches / 8)
    }

    /// All pages, by the tokens of each.
    private func pages(
        _ search: Search, _ body: JSONObject, _ limit: Int, _ tokens: SearchTokens
    ) throws -> (ids: [String], decided: Int) {
        var body = body
        var (ids, decided, rounds): ([String], Int, Int) = ([], 0, 0)
        var token: String?
        repeat {
            var page: JSONObject = ["limit": .int(Int64(limit))]
            page["token"] = token.map { .string($0) }
            body["page"] = .object(page)
            let query = SearchTokens.query(search.kind, body)
            let asked = try SearchPage(body["page"], query: query, tokens)
            let found = try search.run(after: asked.after, limit: asked.limit)
            #expect(found.ids.count <= limit && found.decided <= search.bounds.decisions)
            ids += found.ids.map(\.string)
            decided += found.decided
            token = found.isComplete ? nil : tokens.token(after: found.last, in: query)
            rounds += 1
        } while token != nil && rounds < 1_000
        return (ids, decided)
    }

    /// Of everybody there is, those of whom evaluation says yes, in the order of ids.
    private func everybody(
        _ kind: AccessQuestion.Search, _ body: JSONObject, _ world: SearchCase
    ) throws -> [String] {
        try candidates(kind, body, world).filter { try evaluates($0, kind, body, world) }
    }

    private func candidates(
        _ kind: AccessQuestion.Search, _ body: JSONObject, _ world: SearchCase
    ) throws -> [String] {
        let schema = world.snapshot.policies.loaded.schema
        guard kind != .action else {
            return schema.actions.values.filter { action in
                action.principals.contains { $0.text == body["subject"]?["type"]?.string }
                    && action.resources.contains { $0.text == body["resource"]?["type"]?.string }
            }.map(\.uid.id.string).sorted()
        }
        let type = try #require(body[kind.rawValue]?["type"]?.string)
        var ids = Set(world.snapshot.store.entities.filter { $0.uid.type.text == type }.map(\.uid.id.string))
        if type == "Colour" { ids.formUnion(["red", "green"]) }
        if type == "User", kind == .subject { ids.formUnion(world.roles.subjects) }
        return ids.sorted()
    }

    private func evaluates(
        _ id: String, _ kind: AccessQuestion.Search, _ body: JSONObject, _ world: SearchCase
    ) throws -> Bool {
        var body = body
        if kind == .action {
            body["action"] = ["name": .string(id)]
        } else {
            var party = body[kind.rawValue]?.object ?? [:]
            party["id"] = .string(id)
            body[kind.rawValue] = .object(party)
        }
        let point = DecisionPoint()
        point.replace(world.snapshot)
        do {
            let question = try AccessQuestion(body)
            let principal = try #require(question.subject.uid)
            let action = try #require(question.action)
            let prepared = try PreparedQuestion(
                question, principal: principal, action: action, resource: try #require(question.resource.uid),
                world.snapshot, roles: world.roles, now: SearchCase.now)
            let verdict = world.snapshot.policies.compiled.authorize(
                prepared.request, in: world.snapshot.store, with: prepared.entities)
            return Authorizer.outcome(verdict, of: action, world.snapshot.policies) == .allowed
        } catch is AccessQuestion.Fault where kind == .action {
            // Not a context of this action.
            return false
        }
    }

    // MARK: The order of what is stored

    @Test func theIndexKeepsUpWithTheStore() throws {
        var random = SeededNumbers(7)
        let symbols = Symbols()
        var store = try EntityStore([Entity](), symbols: symbols)
        let index = SearchIndex()
        func uid(_ type: Name) -> EntityUID {
            EntityUID(type: type, id: CedarString(String(Int.random(in: 0..<2_000, using: &random))))
        }
        for _ in 0..<60 {
            let put = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                Entity(uid: uid(Bool.random(using: &random) ? "A" : "B"), parents: [EntityUID(type: "C", id: "c")])
            }
            let removed = (0..<Int.random(in: 0...20, using: &random)).map { _ in uid("A") }
            store = try store.updating(put, removing: removed)
            if Bool.random(using: &random) {
                #expect(index.uids(ofType: "A", in: store) == store.uids(ofType: "A").sorted())
            }
        }
        #expect(index.uids(ofType: "A", in: store).count > 100)
        #expect(index.uids(ofType: "C", in: store) == [])
        #expect(index.kept == 1)
        // Of other numbers nothing can be taken over.
        let other = try EntityStore([Entity(uid: EntityUID(type: "A", id: "x"))], symbols: Symbols())
        #expect(index.uids(ofType: "A", in: other).map(\.id) == ["x"])
    }
}
