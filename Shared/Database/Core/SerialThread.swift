import Dispatch
import Foundation
import Synchronization

/// A thread of one's own on which blocks run one after the other: for work that waits, which neither the threads of
/// tasks nor those of libdispatch, which start others in the place of those that wait, are there for. It ends when this
/// is let go of, after what was given to it.
final class SerialThread: Sendable {
    private let inbox = Inbox()

    init(label: String) {
        let inbox = inbox
        Thread {
            Thread.current.name = label
            inbox.serve()
        }.start()
    }

    deinit { inbox.close() }

    func async(_ block: @escaping @Sendable () -> Void) { inbox.put(block) }

    private final class Inbox: Sendable {
        private struct State {
            var blocks: [@Sendable () -> Void] = []
            var isClosed = false
        }
        private let state = Mutex(State())
        private let rings = DispatchSemaphore(value: 0)

        func put(_ block: @escaping @Sendable () -> Void) {
            state.withLock { $0.blocks.append(block) }
            rings.signal()
        }

        func close() {
            state.withLock { $0.isClosed = true }
            rings.signal()
        }

        func serve() {
            while let blocks = next() {
                for block in blocks { block() }
            }
        }

        /// What is there, when there is something; nil once there will be nothing any more.
        private func next() -> [@Sendable () -> Void]? {
            while true {
                rings.wait()
                let (blocks, isClosed) = state.withLock { state in
                    defer { state.blocks = [] }
                    return (state.blocks, state.isClosed)
                }
                if !blocks.isEmpty { return blocks }
                if isClosed { return nil }
            }
        }
    }
}
