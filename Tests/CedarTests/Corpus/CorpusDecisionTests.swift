import Synchronization
import Testing

@testable import Cedar

/// Every request of the reference's conformance tests, decided by evaluating every policy.
@Suite struct CorpusDecisionTests {
    /// What is wrong with the answers to the requests of a case, and how many there were.
    static func differences(_ test: CorpusCase) throws -> (requests: Int, differences: [String]) {
        let policies = try PolicySet(parsing: test.policies)
        let schema = try Schema(parsing: test.schema)
        let entities = try Entities(json: test.entities, schema: schema)
        var differences: [String] = []
        for request in test.requests {
            let answer = policies.authorize(try request.request(schema), entities: entities)
            let errors = Set(answer.errors.map(\.policy))
            if answer.decision != request.decision {
                differences.append("\(request.description): \(answer.decision), not \(request.decision)")
            }
            if Set(answer.reasons) != request.reasons {
                differences.append("\(request.description): because of \(answer.reasons), not \(request.reasons)")
            }
            if errors != request.errors {
                differences.append("\(request.description): errors in \(answer.errors), not \(request.errors)")
            }
        }
        return (test.requests.count, differences)
    }

    private func check(_ files: [CorpusFile]) async -> (requests: Int, differences: [String]) {
        let requests = Mutex(0)
        let differences = await Corpus.check(files) { test in
            let result = try CorpusDecisionTests.differences(test)
            requests.withLock { $0 += result.requests }
            return result.differences
        }
        return (requests.withLock { $0 }, differences)
    }

    @Test func generatedCases() async throws {
        let files = try Corpus.shared.get().generated
        let result = await check(files)
        print("corpus: \(files.count) cases, \(result.requests) requests, \(result.differences.count) differences")
        #expect(result.requests >= files.count)
        #expect(result.differences.prefix(20) == [])
    }

    @Test func handwrittenCases() async throws {
        let files = try Corpus.shared.get().handwritten
        let result = await check(files)
        print("handwritten: \(files.count) cases, \(result.requests) requests, \(result.differences.count) differences")
        #expect(result.requests >= files.count)
        #expect(result.differences.prefix(20) == [])
    }
}

extension CorpusRequest {
    func request(_ schema: Schema? = nil) throws -> AuthorizationRequest {
        let action = try EntityUID(json: action)
        return AuthorizationRequest(
            principal: try EntityUID(json: principal), action: action, resource: try EntityUID(json: resource),
            context: try Record(contextJSON: context, schema: schema, action: action))
    }
}
