import Foundation
import StrictJSON
import Testing

@testable import Cedar

@Suite("Limits of schemas")
struct SchemaLimitTests {
    /// Runs something on a thread with little stack: a quarter of what threads usually have.
    private static func onSmallStack<T: Sendable>(_ body: @escaping @Sendable () -> T) -> T? {
        let result = Box<T>()
        let thread = Thread {
            result.value = body()
            result.done.signal()
        }
        thread.stackSize = 2 << 20
        thread.start()
        result.done.wait()
        return result.value
    }

    /// Written by one thread before `done` is signalled, read by the other after it.
    private final class Box<T>: @unchecked Sendable {
        var value: T?
        let done = DispatchSemaphore(value: 0)
    }

    private static func nestedSet(_ depth: Int) -> String {
        String(repeating: "Set<", count: depth) + "Long" + String(repeating: ">", count: depth)
    }

    private static func nestedRecord(_ depth: Int) -> String {
        String(repeating: "{ a: ", count: depth) + "Long" + String(repeating: " }", count: depth)
    }

    private static func nestedJSON(_ depth: Int) -> JSONValue {
        (0..<depth).reduce(["type": "Long"]) { element, index in
            index % 2 == 0
                ? ["type": "Set", "element": element] : ["type": "Record", "attributes": ["a": element]]
        }
    }

    @Test("types nest as far as the limit says, also on a small stack")
    func nesting() throws {
        let results = try #require(
            Self.onSmallStack { () -> [Bool] in
                [150, 199, 201, 1000, 100_000].flatMap { depth -> [Bool] in
                    [Self.nestedSet(depth), Self.nestedRecord(depth)].map { type in
                        guard let schema = try? Schema(parsing: "type T = \(type); entity E { t: T };") else {
                            return false
                        }
                        guard let fragment = try? SchemaFragment(parsing: "entity E { t: \(type) };") else {
                            return false
                        }
                        return (try? fragment.text) != nil && fragment.json["" as String] != nil && schema == schema
                    }
                }
            })
        #expect(results == [true, true, false, false, false, false, false, false, false, false])
    }

    @Test("types in JSON nest as far as the limit says")
    func nestingJSON() throws {
        for (depth, isFine) in [(150, true), (197, true), (250, false), (5000, false)] {
            let type = Self.nestedJSON(depth)
            let schema = try? Schema(json: ["": ["entityTypes": ["E": ["tags": type]], "actions": [:]]])
            #expect((schema != nil) == isFine, "\(depth)")
        }
    }

    @Test("common types that are small as text but not written out are refused")
    func expansion() throws {
        let levels = 60
        var text = "type T0 = { a: Long };\n"
        for level in 1...levels { text += "type T\(level) = { a: T\(level - 1), b: T\(level - 1) };\n" }
        let problems = #expect(throws: Diagnostics.self) { try Schema(parsing: text) }
        #expect(problems?.all.count == 1)
        #expect(problems?.all.first?.message.contains("too large") ?? false)
    }

    @Test("common types that nest too far written out are refused")
    func expandedNesting() throws {
        var text = "type T0 = Long;\n"
        for level in 1...300 { text += "type T\(level) = Set<T\(level - 1)>;\n" }
        let problems = #expect(throws: Diagnostics.self) { try Schema(parsing: text) }
        #expect(problems?.all.count == 1)
        // Names for the same type do not nest.
        text = "type T0 = Long;\n"
        for level in 1...5000 { text += "type T\(level) = T\(level - 1);\n" }
        #expect(try Schema(parsing: text + "entity E { a: T5000 };").entityTypes.count == 1)
    }

    @Test("a schema of large types many times over is refused")
    func total() throws {
        var text = "type T0 = { a: Long };\n"
        for level in 1...16 { text += "type T\(level) = { a: T\(level - 1), b: T\(level - 1) };\n" }
        let names = (0..<500).map { "E\($0)" }.joined(separator: ", ")
        #expect(throws: Diagnostics.self) { try Schema(parsing: text + "entity \(names) { a: T16 };") }
        #expect(try Schema(parsing: text + "entity A, B { a: T16 };").entityTypes.count == 2)
    }

    @Test("a hierarchy whose ancestors would fill the memory is refused")
    func hierarchy() throws {
        func chain(_ length: Int) -> String {
            "entity E0;" + (1...length).map { "entity E\($0) in E\($0 - 1);" }.joined()
        }
        #expect(try Schema(parsing: chain(500)).entityTypes[Name(unchecked: "E500")]?.ancestors.count == 500)
        #expect(throws: Diagnostics.self) { try Schema(parsing: chain(10_000)) }
    }

    @Test("a text that is too large is refused, and so are too many mistakes")
    func size() throws {
        var limits = Limits()
        limits.maximumBytes = 20
        #expect(throws: Diagnostics.self) { try Schema(parsing: "entity A; entity BCDE;", limits: limits) }
        #expect(try Schema(parsing: "entity A; entity B;", limits: limits).entityTypes.count == 2)
        let problems = #expect(throws: Diagnostics.self) {
            try Schema(parsing: String(repeating: "entity ; } ", count: 20_000))
        }
        #expect(problems?.all.count == 1000)
    }

    @Test("a circle of many common types is told once")
    func longCircle() throws {
        let text = (0..<5000).map { "type T\($0) = { a: T\(($0 + 1) % 5000), b: T0 };" }.joined()
        let problems = #expect(throws: Diagnostics.self) { try Schema(parsing: text) }
        #expect(problems?.all.count == DependencyGraph.maximumCycles)
        #expect(problems?.all.allSatisfy { $0.message.utf8.count < 300 } ?? false)
    }

    @Test("whatever stands in a text, reading it ends")
    func fuzz() {
        var random = SplitMix64(seed: 7)
        let pieces = [
            "entity", "action", "type", "namespace", "in", "enum", "tags", "appliesTo", "principal", "resource",
            "context", "Set", "A", "B", "::", ":", ";", ",", "{", "}", "[", "]", "<", ">", "(", ")", "@", "?", "=",
            "\"a\"",
            "\"", "\\", "é", " ", "\n", "//", "__cedar", "attributes",
        ]
        for _ in 0..<3000 {
            let text = (0..<Int.random(in: 1...60, using: &random))
                .map { _ in (pieces.randomElement(using: &random) ?? "") + " " }.joined()
            do throws(Diagnostics) {
                let fragment = try SchemaFragment(parsing: text)
                #expect((try? SchemaFragment(parsing: fragment.text)) == fragment, "\(text)")
            } catch {
                #expect(!error.all.isEmpty)
                for problem in error.all {
                    #expect(problem.range.map { $0.lower <= $0.upper && $0.upper <= text.utf8.count } ?? false)
                }
            }
        }
    }
}
