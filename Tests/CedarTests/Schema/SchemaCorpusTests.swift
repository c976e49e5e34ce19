import Testing

@testable import Cedar

@Suite("Schemas of the corpus")
struct SchemaCorpusTests {
    /// What goes wrong when a schema is read, written in both formats and read again.
    private static func problems(_ text: String) throws -> [String] {
        let fragment = try SchemaFragment(parsing: text)
        let schema = try Schema([fragment])
        var problems: [String] = []
        if try SchemaFragment(parsing: fragment.text) != fragment { problems.append("its text says something else") }
        let fromJSON = try SchemaFragment(json: fragment.json)
        if try Schema([fromJSON]) != schema { problems.append("its JSON means something else") }
        if fromJSON.json != fragment.json { problems.append("the JSON of its JSON is another one") }
        if try Schema(parsing: fromJSON.text) != schema { problems.append("the text of its JSON means something else") }
        return problems
    }

    @Test("every schema of the generated cases can be read, and both formats keep its meaning")
    func generated() async throws {
        let corpus = try Corpus.shared.get()
        #expect(corpus.generated.count > 3000)
        let problems = await Corpus.check(corpus.generated) { try Self.problems($0.schema) }
        #expect(problems.isEmpty, "\(problems.prefix(20).joined(separator: "\n"))")
    }

    @Test("every schema of the handwritten cases can be read, and both formats keep its meaning")
    func handwritten() async throws {
        let corpus = try Corpus.shared.get()
        let problems = await Corpus.check(corpus.handwritten) { try Self.problems($0.schema) }
        #expect(problems.isEmpty, "\(problems.prefix(20).joined(separator: "\n"))")
    }
}
