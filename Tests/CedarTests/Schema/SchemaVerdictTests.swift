import StrictJSON
import Testing

@testable import Cedar

@Suite("Schemas and the reference implementation")
struct SchemaVerdictTests {
    @Test("what the reference takes is taken", arguments: SchemaVerdicts.accepted)
    func accepted(text: String) throws {
        let fragment = try SchemaFragment(parsing: text)
        let schema = try Schema([fragment])
        #expect(try Schema(parsing: fragment.text) == schema)
        #expect(try Schema(json: fragment.json) == schema)
    }

    @Test("what the reference refuses is refused, and every message has a place", arguments: SchemaVerdicts.refused)
    func refused(text: String) throws {
        let problems = #expect(throws: Diagnostics.self) { try Schema(parsing: text) }
        for problem in problems?.all ?? [] {
            let range = try #require(problem.range)
            #expect(range.lower <= range.upper && range.upper <= text.utf8.count)
        }
    }

    @Test("what the reference takes in JSON is taken", arguments: SchemaJSONVerdicts.accepted)
    func acceptedJSON(text: String) throws {
        let fragment = try SchemaFragment(json: try JSONValue(parsing: text))
        let schema = try Schema([fragment])
        #expect(try Schema(json: fragment.json) == schema)
    }

    @Test("what the reference refuses in JSON is refused", arguments: SchemaJSONVerdicts.refused)
    func refusedJSON(text: String) throws {
        let json = try JSONValue(parsing: text)
        #expect(throws: Diagnostics.self) { try Schema(json: json) }
    }
}
