import Foundation
import StrictJSON
import Testing

@testable import Cedar

@Suite("Nesting")
struct NestingTests {
    /// Runs on a stack of that many KiB.
    private func onStack(of size: Int, _ body: @escaping @Sendable () -> [String]) -> [String] {
        let done = DispatchSemaphore(value: 0)
        let result = Box()
        let thread = Thread {
            result.failures = body()
            done.signal()
        }
        thread.stackSize = size << 10
        thread.start()
        done.wait()
        return result.failures
    }

    /// Written by the thread before the semaphore is signalled, read after.
    private final class Box: @unchecked Sendable {
        var failures: [String] = []
    }

    /// Forms that nest, each as many levels as it is asked for.
    private static let forms: [@Sendable (Int) -> String] = [
        { String(repeating: "(", count: $0) + "1" + String(repeating: ")", count: $0) },
        { String(repeating: "[", count: $0) + String(repeating: "]", count: $0) },
        { String(repeating: "{a: ", count: $0) + "1" + String(repeating: "}", count: $0) },
        { String(repeating: "ip(", count: $0) + "1" + String(repeating: ")", count: $0) },
        { String(repeating: "1.contains(", count: $0) + "1" + String(repeating: ")", count: $0) },
        { String(repeating: "if ", count: $0) + "1" + String(repeating: " then 1 else 1", count: $0) },
        { String(repeating: "if 1 then 1 else ", count: $0) + "1" },
        { "principal" + String(repeating: ".a", count: $0) },
        { "principal" + String(repeating: "[\"a\"]", count: $0) },
        { "1" + String(repeating: " + 1", count: $0) },
        { "1" + String(repeating: " * 1", count: $0) },
        { "principal has a" + String(repeating: ".a", count: $0) },
        { String(repeating: "!(", count: $0) + "1" + String(repeating: ")", count: $0) },
        { String(repeating: "(1 && ", count: $0) + "1" + String(repeating: ")", count: $0) },
        { String(repeating: "1 == (2 - (", count: $0 / 2) + "1" + String(repeating: "))", count: $0 / 2) },
    ]

    @Test("deep nesting is refused, not followed")
    func refused() {
        let failures = onStack(of: 8192) {
            Self.forms.enumerated().flatMap { index, form -> [String] in
                [402, 100_000].filter { (try? Expr(parsing: form($0))) != nil }.map { "form \(index), \($0) levels" }
            }
        }
        #expect(failures == [])
        let scope = "permit (principal == " + String(repeating: "(", count: 100_000)
        #expect(throws: Diagnostics.self) { try PolicySet(parsing: scope) }
    }

    #if DEBUG
        private static let smallStack = 4096
    #else
        private static let smallStack = 512
    #endif

    @Test("what is not too deep is read, printed, formatted and written, also on a small stack")
    func small() {
        let failures = onStack(of: Self.smallStack) {
            Self.forms.enumerated().flatMap { index, form -> [String] in
                let text = form(190)
                guard let expr = try? Expr(parsing: text) else { return ["form \(index) is refused"] }
                var failures: [String] = []
                if (try? Expr(parsing: expr.text)) != expr { failures.append("form \(index) as text") }
                if (try? Expr(json: expr.json)) != expr.desugared { failures.append("form \(index) as JSON") }
                let policy = "permit (principal, action, resource) when { \(text) };"
                let formatted = try? PolicyFormatter().format(policy)
                if formatted.flatMap({ try? PolicySet(parsing: $0) })?.policies.first?.conditions.first?.body != expr {
                    failures.append("form \(index) formatted")
                }
                return failures
            }
        }
        #expect(failures == [])
    }

    @Test("limits are those asked for")
    func limits() throws {
        var limits = Limits()
        limits.maximumNesting = 3
        #expect(try Expr(parsing: "((1 + 2))", limits: limits).depth == 2)
        #expect(throws: Diagnostics.self) { try Expr(parsing: "((((1))))", limits: limits) }
        #expect(throws: Diagnostics.self) { try Expr(parsing: "1 + 2 + 3 + 4", limits: limits) }
        #expect(throws: Diagnostics.self) { try Expr(parsing: "!!!1", limits: limits) }
        let json = try Expr(parsing: "!!!1").json
        #expect(throws: Diagnostics.self) { try Expr(json: json, limits: limits) }
    }

    @Test("long chains of && and || are one level")
    func chains() throws {
        for symbol in ["&&", "||"] {
            let text = Array(repeating: "principal.a", count: 100_000).joined(separator: " \(symbol) ")
            let expr = try Expr(parsing: text)
            #expect(expr.depth == 3)
            #expect(expr.text == text)
            let policy = "permit (principal, action, resource) when { \(text) };"
            let formatted = try PolicyFormatter().format(policy)
            #expect(try PolicySet(parsing: formatted).policies[0].conditions[0].body == expr)
        }
    }
}
