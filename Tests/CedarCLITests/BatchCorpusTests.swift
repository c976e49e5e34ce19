import Foundation
import StrictJSON
import Testing

@testable import CedarCLI

@Suite("Batches over the corpus")
struct BatchCorpusTests {
    /// A request is not taken for another when the order of what decided differs.
    private static func differences(_ answers: [JSONValue], _ cases: [CorpusFiles.Case]) -> [String] {
        var found = answers.count == cases.count ? [] : ["\(answers.count) answers to \(cases.count) lines"]
        for (answer, test) in zip(answers, cases) {
            guard let responses = answer["responses"]?.array, responses.count == test.requests.count else {
                found.append("\(test.name): \(answer.encodedString().prefix(300))")
                continue
            }
            for (response, request) in zip(responses, test.requests) {
                for key in ["reason", "errors"]
                where Set(response[key]?.strings ?? ["?"]) != Set(request[key]?.strings ?? []) {
                    found.append("\(test.name): \(key) \(response[key] ?? .null) for \(request[key] ?? .null)")
                }
                if response["decision"] != request["decision"] { found.append("\(test.name): \(response)") }
            }
        }
        return found
    }

    @Test("a process with relative paths answers every request as the reference does")
    func process() throws {
        let corpus = try CorpusFiles.shared.get()
        let input = corpus.cases.map { $0.line.encodedString() + "\n" }.joined()
        let outcome = try Product.run(["authorize", "--batch"], input: input, in: corpus.root)
        #expect(outcome.status == 0)
        #expect(outcome.errors == "")
        let answers = try outcome.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        let differences = Self.differences(answers, corpus.cases)
        let requests = corpus.cases.reduce(0) { $0 + $1.requests.count }
        print(
            "cedar authorize --batch: \(corpus.cases.count) lines, \(requests) requests, \(differences.count) differences"
        )
        #expect(corpus.cases.count > 0 && requests >= corpus.cases.count)
        #expect(differences.prefix(10) == [])
    }

    @Test("a process gives the verdict of the reference's validator")
    func validity() throws {
        let corpus = try CorpusFiles.shared.get()
        let input = corpus.cases.map { test -> String in
            let line: JSONValue = ["policies": .string(test.policies), "schema": .string(test.schema)]
            return line.encodedString() + "\n"
        }.joined()
        let outcome = try Product.run(["validate", "--batch"], input: input, in: corpus.root)
        #expect(outcome.status == 0)
        let answers = try outcome.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        var differences: [String] = []
        for (answer, test) in zip(answers, corpus.cases) where answer["valid"]?.bool != test.shouldValidate {
            differences.append("\(test.name): \(answer.encodedString().prefix(300))")
        }
        for answer in answers where answer["valid"]?.bool != answer["errors"]?.array?.isEmpty {
            differences.append("\(answer)")
        }
        let valid = corpus.cases.filter(\.shouldValidate).count
        print(
            "cedar validate --batch: \(answers.count) lines, \(valid) of them valid, \(differences.count) differences")
        #expect(answers.count == corpus.cases.count)
        #expect(valid < corpus.cases.count)
        #expect(differences.prefix(10) == [])
    }

    @Test("in this process, in portions of any size, the answers are the same")
    func portions() throws {
        let corpus = try CorpusFiles.shared.get()
        let cases = Array(corpus.cases.prefix(60))
        let input = cases.map { test -> String in
            var line = test.line.object ?? [:]
            for key in ["policies", "schema", "entities"] {
                line[key] = line[key]?.string.map { .string(corpus.root + "/" + $0) }
            }
            return JSONValue.object(line).encodedString() + "\n"
        }.joined()
        for portion in [Int.max, 97] {
            let run = Run(["authorize", "--batch"], input: input, portion: portion)
            #expect(run.status == .done)
            #expect(Self.differences(try run.lines(), cases) == [])
            // Each answer is there as soon as it is known.
            #expect(run.writes == cases.count)
        }
    }
}
