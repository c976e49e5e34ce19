import Synchronization

/// Lets one task sleep until there is something to do.
final class Wakeup: Sendable {
    private struct State {
        var isPending = false
        var round = 0
        var sleeper: CheckedContinuation<Void, Never>?
    }
    private let state = Mutex(State())

    func wake() {
        let sleeper = state.withLock { state in
            defer { state.sleeper = nil }
            state.isPending = state.sleeper == nil
            return state.sleeper
        }
        sleeper?.resume()
    }

    /// Returns when woken (also before this was called), after `limit`, and when the task is cancelled.
    func wait(upTo limit: Duration) async {
        let round = state.withLock { state in
            state.round += 1
            return state.round
        }
        let timer = Task {
            try? await Task.sleep(for: limit)
            self.end(round)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    guard !state.isPending, state.round == round, !Task.isCancelled else {
                        state.isPending = false
                        return true
                    }
                    state.sleeper = continuation
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            end(round)
        }
        timer.cancel()
    }

    private func end(_ round: Int) {
        let sleeper = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.round == round else { return nil }
            // Whoever has not yet gone to sleep sees by the round that it need not.
            state.round += 1
            defer { state.sleeper = nil }
            return state.sleeper
        }
        sleeper?.resume()
    }
}
