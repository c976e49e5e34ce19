import Synchronization
import Testing

@testable import Cedar

/// Readers while sets of policies and stores are swapped.
@Suite struct EngineConcurrencyTests {
    private final class Current: Sendable {
        struct State: Sendable {
            var policies: CompiledPolicies
            var store: EntityStore
        }
        let state: Mutex<State>

        let isDone = Atomic(false)

        init(_ state: State) { self.state = Mutex(state) }
    }

    @Test("every answer is that of one of the sets with one of the stores, never of a mix")
    func swaps() async throws {
        let symbols = Symbols()
        var random = RandomCase(seed: 77)
        let sets = try (0..<2).map { _ in
            CompiledPolicies(try PolicySet(random.policies(20)), symbols: symbols)
        }
        let worlds = (0..<2).map { _ in random.entities() }
        let oracles = try worlds.map { try Entities($0) }
        let requests = (0..<40).map { _ in random.request() }
        let allowed = requests.map { request in
            sets.flatMap { set in oracles.map { set.source.authorize(request, entities: $0) } }
        }
        let current = Current(.init(policies: sets[0], store: try EntityStore(worlds[0], symbols: symbols)))
        let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    var wrong = 0
                    while !current.isDone.load(ordering: .acquiring) {
                        for (request, answers) in zip(requests, allowed) {
                            let state = current.state.withLock { $0 }
                            let answer = state.policies.authorize(request, in: state.store).response
                            if !answers.contains(answer) { wrong += 1 }
                        }
                        await Task.yield()
                    }
                    return wrong
                }
            }
            group.addTask {
                // Stores are changed into each other, and policies compiled, while the others read.
                for step in 0..<120 {
                    let world = worlds[step % 2]
                    let store = current.state.withLock { $0.store }
                    let next = try store.updating(world, removing: store.entities.map(\.uid))
                    let policies =
                        step % 3 == 0
                        ? CompiledPolicies(sets[step % 2].source, symbols: symbols) : sets[(step / 2) % 2]
                    current.state.withLock { $0 = .init(policies: policies, store: next) }
                    await Task.yield()
                }
                current.isDone.store(true, ordering: .releasing)
                return 0
            }
            return try await group.reduce(0, +)
        }
        #expect(wrong == 0)
    }

    @Test("a verdict outlives the sets and stores that it was made of")
    func verdictsStay() throws {
        var verdicts: [Verdict] = []
        for seed in 0..<20 {
            var random = RandomCase(seed: UInt64(seed) + 500)
            let symbols = Symbols()
            let compiled = CompiledPolicies(try PolicySet(random.policies(10)), symbols: symbols)
            let store = try EntityStore(random.entities(), symbols: symbols)
            verdicts.append(compiled.authorize(random.request(), in: store))
        }
        for verdict in verdicts { #expect(verdict.reasons.count == verdict.determiningPolicies.count) }
    }
}
