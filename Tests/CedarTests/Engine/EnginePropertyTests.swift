import Testing

@testable import Cedar

/// On random cases the engine answers what the plain evaluator does, whatever of the entities is stored and whatever comes with
/// the request.
@Suite struct EnginePropertyTests {
    @Test func storedEntities() throws {
        let differences = try (0..<400).compactMap { seed -> String? in
            var random = RandomCase(seed: UInt64(seed))
            let (entities, policies) = (random.entities(), try PolicySet(random.policies(12)))
            let symbols = Symbols()
            let compiled = CompiledPolicies(policies, symbols: symbols)
            let store = try EntityStore(entities, symbols: symbols)
            let oracle = try Entities(entities)
            return (0..<12).compactMap { _ in
                EngineOracle.difference(compiled, store, random.request(), oracle: oracle).map { "\(seed): \($0)" }
            }.first
        }
        #expect(differences.prefix(5) == [])
    }

    @Test("entities that come with a request take the place of stored ones")
    func givenEntities() throws {
        var compared = 0
        let differences = try (0..<400).compactMap { seed -> String? in
            var random = RandomCase(seed: UInt64(seed) + 10_000)
            let (stored, policies) = (random.entities(), try PolicySet(random.policies(12)))
            let symbols = Symbols()
            let store = try EntityStore(stored, symbols: symbols)
            let compiled = CompiledPolicies(policies, symbols: symbols)
            for _ in 0..<8 {
                let given = random.entities().filter { _ in random.chance(25) }
                // What is in itself only with those given has no plain answer.
                guard let oracle = try? Entities(EngineOracle.merged(stored, given)) else { continue }
                compared += 1
                if let found = EngineOracle.difference(compiled, store, random.request(), with: given, oracle: oracle) {
                    return "\(seed): \(found)"
                }
            }
            return nil
        }
        #expect(compared > 400)
        #expect(differences.prefix(5) == [])
    }

    @Test("entities that neither the store nor a policy knows are decided on as any others")
    func unseen() throws {
        let differences = try (0..<200).compactMap { seed -> String? in
            var random = RandomCase(seed: UInt64(seed) + 20_000)
            let symbols = Symbols()
            let compiled = CompiledPolicies(try PolicySet(random.policies(10)), symbols: symbols)
            let entities = random.entities().filter { _ in random.chance(50) }
            let store = try EntityStore(entities, symbols: symbols)
            let oracle = try Entities(entities)
            for number in 0..<6 {
                var request = random.request()
                let stranger = CedarString("stranger \(number)")
                request.principal = EntityUID(type: number < 4 ? request.principal.type : "Nobody", id: stranger)
                if number > 1 { request.resource = EntityUID(type: request.resource.type, id: stranger) }
                if number > 2 { request.action = EntityUID(type: "Action", id: stranger) }
                if let found = EngineOracle.difference(compiled, store, request, oracle: oracle) {
                    return "\(seed): \(found)"
                }
            }
            return nil
        }
        #expect(differences.prefix(5) == [])
    }

    @Test("policies compiled before their entities are stored, or after, answer alike")
    func orderOfCompiling() throws {
        let differences = try (0..<100).compactMap { seed -> String? in
            var random = RandomCase(seed: UInt64(seed) + 30_000)
            let (entities, policies) = (random.entities(), try PolicySet(random.policies(10)))
            let symbols = Symbols()
            let early = CompiledPolicies(policies, symbols: symbols)
            let empty = try EntityStore([Entity](), symbols: symbols)
            let store = try empty.updating(entities)
            let late = CompiledPolicies(policies, symbols: symbols)
            let oracle = try Entities(entities)
            for _ in 0..<6 {
                let request = random.request()
                for (compiled, store, oracle) in [
                    (early, store, oracle), (late, store, oracle), (early, empty, .none), (late, empty, .none),
                ] {
                    if let found = EngineOracle.difference(compiled, store, request, oracle: oracle) {
                        return "\(seed): \(found)"
                    }
                }
            }
            return nil
        }
        #expect(differences.prefix(5) == [])
    }
}
