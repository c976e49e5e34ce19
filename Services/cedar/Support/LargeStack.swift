import Foundation
import Synchronization

/// Runs work on a thread whose stack is large: what is read may be nested as deeply as the limits allow, while the
/// stack of the main thread is whatever the shell says.
enum LargeStack {
    static let bytes = 64 << 20

    static func run<T: Sendable>(_ body: @escaping @Sendable () -> T) -> T {
        let outcome = Outcome<T>()
        let thread = Thread { outcome.set(body()) }
        thread.stackSize = bytes
        thread.start()
        return outcome.wait()
    }

    private final class Outcome<T: Sendable>: Sendable {
        private let value = Mutex<T?>(nil)
        private let isDone = DispatchSemaphore(value: 0)

        func set(_ value: T) {
            self.value.withLock { $0 = value }
            isDone.signal()
        }

        func wait() -> T {
            while true {
                isDone.wait()
                if let value = value.withLock({ $0 }) { return value }
            }
        }
    }
}
