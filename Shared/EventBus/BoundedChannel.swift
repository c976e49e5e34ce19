import Foundation

/// Hands values from a thread to one task, and lets the thread wait or turn to something else when too many are under
/// way.
///
/// `@unchecked Sendable`: everything is touched only with `condition` locked.
final class BoundedChannel<Element: Sendable>: @unchecked Sendable {
    private let limit: Int
    private let condition = NSCondition()
    private var values: [Element] = []
    /// Where the first value stands: taking one does not move the others.
    private var head = 0
    private var waiter: CheckedContinuation<Element?, Never>?
    private var isFinished = false

    init(limit: Int) { self.limit = max(1, limit) }

    private func locked<T>(_ body: () -> T) -> T {
        condition.lock()
        defer { condition.unlock() }
        return body()
    }

    var count: Int { locked { values.count - head } }

    /// Blocks while the channel is full; drops the value once the channel is finished.
    func send(_ value: Element) {
        let waiter = locked { () -> CheckedContinuation<Element?, Never>? in
            while values.count - head >= limit, !isFinished { condition.wait() }
            return put(value)
        }
        waiter?.resume(returning: value)
    }

    /// False when the channel is full.
    func trySend(_ value: Element) -> Bool {
        let (isTaken, waiter) = locked { () -> (Bool, CheckedContinuation<Element?, Never>?) in
            guard values.count - head < limit || isFinished else { return (false, nil) }
            return (true, put(value))
        }
        waiter?.resume(returning: value)
        return isTaken
    }

    private func put(_ value: Element) -> CheckedContinuation<Element?, Never>? {
        guard !isFinished else { return nil }
        if let waiter {
            self.waiter = nil
            return waiter
        }
        values.append(value)
        return nil
    }

    func removeAll(where isUnwanted: (Element) -> Bool) {
        locked {
            values.removeFirst(head)
            head = 0
            values.removeAll(where: isUnwanted)
            condition.broadcast()
        }
    }

    func finish() {
        let waiter = locked {
            isFinished = true
            condition.broadcast()
            defer { self.waiter = nil }
            return self.waiter
        }
        waiter?.resume(returning: nil)
    }

    /// nil when finished and empty, or when the task is cancelled, which finishes the channel.
    func next() async -> Element? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ready: Element?? = locked {
                    if Task.isCancelled { return .some(nil) }
                    if head < values.count { return .some(takeFirst()) }
                    if isFinished { return .some(nil) }
                    waiter = continuation
                    return nil
                }
                if let ready { continuation.resume(returning: ready) }
            }
        } onCancel: {
            finish()
        }
    }

    private func takeFirst() -> Element {
        let value = values[head]
        head += 1
        if head > 256 || head == values.count {
            values.removeFirst(head)
            head = 0
        }
        condition.broadcast()
        return value
    }
}
