import Foundation
import StrictJSON
import Testing

@testable import Cedar

/// Changed texts of the corpus: nothing crashes, hangs or is written as something else.
///
/// `CEDAR_FUZZ_ROUNDS` is how often each kind is changed, `CEDAR_FUZZ_SEED` where chance begins.
@Suite("Fuzzing")
struct FuzzTests {
    private static let rounds = ProcessInfo.processInfo.environment["CEDAR_FUZZ_ROUNDS"].flatMap { Int($0) } ?? 8_000
    private static let seed = ProcessInfo.processInfo.environment["CEDAR_FUZZ_SEED"].flatMap { UInt64($0) } ?? 1

    @Test("texts with changes here and there", arguments: FuzzChecks.allCases)
    func mutations(_ check: FuzzChecks) throws {
        let seeds = try Self.seeds(of: check)
        #expect(seeds.count > 10)
        var mutator = TextMutator(seed: Self.seed &* 1_000 &+ UInt64(check.rawValue))
        var valid = 0
        var failures: [String] = []
        for round in 0..<Self.rounds {
            let seed = seeds[Int.random(in: seeds.indices, using: &mutator.random)]
            let other = seeds[Int.random(in: seeds.indices, using: &mutator.random)]
            // Each seed is an input, too.
            let text = round < seeds.count ? seeds[round] : mutator.mutate(seed, other: other)
            do throws(FuzzChecks.Failure) {
                if try check.check(text) { valid += 1 }
            } catch {
                failures.append("\(error)\n\(text)")
                if failures.count >= 5 { break }
            }
        }
        print("fuzzing \(check): \(Self.rounds) inputs, \(valid) of them valid, \(failures.count) failures")
        #expect(failures == [])
        #expect(valid > 0)
    }

    /// Small cases of the corpus, in the form that a check reads.
    private static func seeds(of check: FuzzChecks) throws -> [String] {
        let corpus = try Corpus.shared.get()
        var seeds: [String] = check == .values ? values : []
        for file in corpus.handwritten + corpus.generated where seeds.count < 150 {
            let test = try file.read()
            guard test.policies.utf8.count < 4_000, test.schema.utf8.count < 4_000 else { continue }
            switch check {
            case .policies: seeds.append(test.policies)
            case .policyJSON:
                let set = try PolicySet(parsing: test.policies)
                seeds.append(set.json.encodedString())
                seeds += (set.policies + set.templates).prefix(1).map { $0.json.encodedString() }
            case .schema: seeds.append(test.schema)
            case .schemaJSON: seeds.append(try SchemaFragment(parsing: test.schema).json.encodedString())
            case .entities:
                if let part = test.entities.array {
                    seeds.append(JSONValue.array(Array(part.prefix(4))).encodedString())
                }
            case .requests:
                seeds += test.requests.prefix(1).map { request in
                    let json: JSONValue = [
                        "principal": request.principal, "action": request.action, "resource": request.resource,
                        "context": request.context,
                    ]
                    return json.encodedString()
                }
            case .values:
                let set = try PolicySet(parsing: test.policies)
                seeds += set.policies.flatMap(\.conditions).prefix(1).map(\.body.text)
            }
        }
        return seeds
    }

    private static let values = [
        "[1, \"a\", User::\"a\", {a: [true], \"b c\": -1}]", "decimal(\"-1.25\")", "ip(\"10.0.0.0/8\")",
        "ip(\"::ffff/9\")",
        "datetime(\"2024-02-29T23:59:59.999+0530\").offset(duration(\"1d2h3m4s5ms\"))",
        "duration(\"-9223372036854775808ms\")",
        "datetime(\"0000-01-01\").offset(duration(\"-106751991167d\")).toDate()", "\"\\u{1F600}\\0\\n*\" like \"\\**\"",
        "if 1 < 2 then 9223372036854775807 else -9223372036854775808",
    ]
}
