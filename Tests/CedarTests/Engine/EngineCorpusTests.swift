import Testing

@testable import Cedar

/// The engine answers what the plain evaluator does: decision, reasons and errors, request by request.
@Suite("Engine on the corpus")
struct EngineCorpusTests {
    @Test("every request of the corpus is decided as by the plain evaluator, stored and given entities alike")
    func corpus() async throws {
        let corpus = try Corpus.shared.get()
        let differences = await Corpus.check(corpus.generated + corpus.handwritten) { test in
            let policies = try PolicySet(parsing: test.policies)
            let schema = try Schema(parsing: test.schema)
            let entities = try Entities(json: test.entities, schema: schema)
            let symbols = Symbols()
            let compiled = CompiledPolicies(policies, symbols: symbols)
            let store = try EntityStore(entities.all, symbols: symbols)
            let empty = try EntityStore([Entity](), symbols: Symbols())
            let other = CompiledPolicies(policies, symbols: empty.symbols)
            var found: [String] = []
            for test in test.requests {
                let request = try test.request(schema)
                let expected = policies.authorize(request, entities: entities)
                let stored = compiled.authorize(request, in: store).response
                if stored != expected { found.append("\(test.description): \(stored) for \(expected)") }
                let given = other.authorize(request, in: empty, with: entities.all).response
                if given != expected { found.append("\(test.description), given: \(given) for \(expected)") }
            }
            return found
        }
        #expect(differences.isEmpty, "\(differences.count) differences: \(differences.prefix(10))")
    }
}
