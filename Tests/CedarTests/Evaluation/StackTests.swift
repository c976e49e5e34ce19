import Foundation
import StrictJSON
import Synchronization
import Testing

@testable import Cedar

/// What comes from outside is never nested more deeply than a small stack takes.
@Suite struct StackTests {
    /// Runs something on a thread with a stack as small as that of threads often is; without optimization frames take some
    /// times the place.
    private func onSmallStack(_ body: @escaping @Sendable () -> Void) {
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            body()
            done.signal()
        }
        #if DEBUG
            thread.stackSize = 2 << 20
        #else
            thread.stackSize = 512 << 10
        #endif
        thread.start()
        done.wait()
    }

    private static let wrappers: [@Sendable (Expr) -> Expr.Kind] = [
        { .not($0) }, { .negate($0) }, { .and([$0, Expr(.literal(.bool(true)))]) },
        { .or([Expr(.literal(.bool(false))), $0]) }, { .binary(.equal, $0, Expr(.literal(.bool(true)))) },
        { .binary(.add, Expr(.literal(.int(0))), $0) },
        { .conditional(if: Expr(.literal(.bool(true))), then: $0, else: $0) },
        { .conditional(if: $0, then: Expr(.literal(.bool(true))), else: $0) }, { .set([$0]) },
        { .record([Expr.Field(name: "a", value: $0)]) },
        { .attribute(Expr(.record([.init(name: "a", value: $0)])), "a") },
        { .isType($0, "A", in: nil) }, { .call(.decimal, [$0]) }, { .has($0, ["a"]) }, { .like($0, Pattern([])) },
    ]

    @Test func evaluation() throws {
        let world = try TestWorld()
        let finished = Mutex(0)
        onSmallStack {
            let evaluator = Evaluator(request: world.request, entities: world.entities)
            for wrapper in Self.wrappers {
                for leaf in [Literal.bool(true), .int(1)] {
                    var expr = Expr(.literal(leaf))
                    while expr.depth < Limits().maximumNesting { expr = Expr(wrapper(expr)) }
                    _ = try? evaluator.evaluate(expr)
                    finished.withLock { $0 += 1 }
                }
            }
        }
        #expect(finished.withLock { $0 } == 2 * Self.wrappers.count)
    }

    @Test func values() throws {
        let levels = Limits().maximumNesting
        let text =
            String(repeating: #"{"a":["#, count: levels / 2 - 1) + "1" + String(repeating: "]}", count: levels / 2 - 1)
        let document = try json(text)
        let same = Mutex(false)
        onSmallStack {
            guard let value = try? Value(json: document), let back = try? value.json, let copy = try? Value(json: back)
            else { return }
            same.withLock { $0 = copy == value && !(copy < value) && Set([copy, value]).count == 1 }
        }
        #expect(same.withLock { $0 })
    }
}
