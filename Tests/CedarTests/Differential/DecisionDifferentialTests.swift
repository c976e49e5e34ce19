import Foundation
import StrictJSON
import Testing

@testable import Cedar

/// Random policies, entities and requests, decided by us and by the reference implementation.
///
/// 20,000 requests when `DifferentialSize` is told nothing else.
@Suite struct DecisionDifferentialTests {
    private static let requestsPerCase = 10

    private struct Outcome: Sendable {
        var requests = 0
        /// How often policies were evaluated without an error, held, and failed.
        var evaluated = 0
        var held = 0
        var failed = 0
        var differences: [String] = []

        static func + (left: Outcome, right: Outcome) -> Outcome {
            Outcome(
                requests: left.requests + right.requests, evaluated: left.evaluated + right.evaluated,
                held: left.held + right.held, failed: left.failed + right.failed,
                differences: left.differences + right.differences)
        }
    }

    /// The random case of a seed: what the reference is given, and what we decide with.
    private static func make(_ seed: UInt64) throws -> (DecisionOracle.Case, [AuthorizationResponse]) {
        var random = RandomCase(seed: seed)
        let written = try PolicySet(random.policies(6))
        let entities = try Entities(random.entities())
        let requests = (0..<requestsPerCase).map { _ in random.request() }
        // Both read the same texts.
        let policies = try PolicySet(parsing: written.text)
        let document = try entities.json.encodedString()
        let read = try Entities(json: try json(document))
        return (
            DecisionOracle.Case(policies: written.text, entities: document, requests: requests),
            requests.map { policies.authorize($0, entities: read) }
        )
    }

    private static func compare(_ seeds: Range<UInt64>) throws -> Outcome {
        let cases = try seeds.map { try make($0) }
        let answers = try DecisionOracle.answers(cases.map(\.0))
        var outcome = Outcome()
        for (seed, ((test, responses), answers)) in zip(seeds, zip(cases, answers)) {
            let theirs: [DecisionOracle.Answer]
            do {
                theirs = try answers.get()
            } catch {
                outcome.differences.append("seed \(seed): \(error.message)\n\(test.policies)")
                continue
            }
            for (request, (response, theirs)) in zip(test.requests, zip(responses, theirs)) {
                outcome.requests += 1
                outcome.failed += response.errors.count
                outcome.held += response.reasons.count
                outcome.evaluated += 6 - response.errors.count
                let ours = DecisionOracle.Answer(response)
                if ours != theirs {
                    outcome.differences.append(
                        """
                        seed \(seed): \(ours), not \(theirs)
                        \(response.errors)
                        \(try request.json.encodedString())
                        \(test.policies)
                        \(test.entities)
                        """)
                }
            }
        }
        return outcome
    }

    @Test func randomCases() async throws {
        let cases = max(1, DifferentialSize.count(standard: 20_000) / Self.requestsPerCase)
        let first = DifferentialSize.seed(standard: 1)
        let batch = 200
        let outcome = try await withThrowingTaskGroup(of: Outcome.self) { group in
            var batches = stride(from: 0, to: cases, by: batch).map { start in
                first + UInt64(start)..<first + UInt64(min(cases, start + batch))
            }
            for _ in 0..<ProcessInfo.processInfo.activeProcessorCount {
                guard let seeds = batches.popLast() else { break }
                group.addTask { try Self.compare(seeds) }
            }
            var all = Outcome()
            while let next = try await group.next() {
                all = all + next
                if let seeds = batches.popLast() { group.addTask { try Self.compare(seeds) } }
            }
            return all
        }
        print(
            "differential: \(outcome.requests) requests, \(outcome.evaluated) policies evaluated, \(outcome.held) held, "
                + "\(outcome.failed) with errors, \(outcome.differences.count) differences")
        for difference in outcome.differences.prefix(5) { Issue.record("\(difference)") }
        #expect(outcome.differences.count == 0)
        #expect(outcome.requests == cases * Self.requestsPerCase)
        // The cases are worth something only when policies hold, do not hold and fail, each often.
        #expect(outcome.held * 20 > outcome.evaluated && outcome.held * 2 < outcome.evaluated)
        #expect(outcome.failed * 100 > outcome.evaluated && outcome.failed < outcome.evaluated)
    }
}
