import StrictJSON
import Testing

@testable import Cedar

@Suite("Round trips of the corpus")
struct RoundTripTests {
    @Test("every policy of the corpus is written and read as the same, as text and as JSON")
    func corpus() async throws {
        let corpus = try Corpus.shared.get()
        let failures = await Corpus.check(corpus.generated + corpus.handwritten) { test in
            let set = try PolicySet(parsing: test.policies)
            let policies = (set.policies + set.templates).map(\.unplaced)
            let texts = try PolicySet(parsing: set.text)
            var failures: [String] = []
            if (texts.policies + texts.templates).map(\.unplaced) != policies { failures.append("text") }
            let read = try PolicySet(json: set.json)
            if read.policies + read.templates != (set.policies + set.templates).map(\.desugared) {
                failures.append("JSON")
            }
            return failures
        }
        #expect(failures == [])
    }
}
