import Contracts
import Dispatch
import Synchronization

/// A bounded set of workers, each a thread with a resource (a connection) of its own, behind one bounded queue.
///
/// Blocking work thus never touches the threads that run async code, and what cannot start in time is refused. Of the
/// workers that are idle the one that was busy last goes on: what it needs is still in the caches.
final class WorkerPool<Resource>: Sendable {
    /// Its `resource` is only touched by blocks that run on `thread`, one after the other: hence `@unchecked`.
    private final class Worker: @unchecked Sendable {
        let thread: SerialThread
        var resource: Resource?

        init(label: String) { thread = SerialThread(label: label) }
    }

    private struct Job: Sendable {
        /// Does the work and returns what tells the caller; telling waits until the worker is free again.
        let run: @Sendable (inout Resource?) -> @Sendable () -> Void
        let fail: @Sendable (DatabaseError) -> Void
        let deadline: ContinuousClock.Instant
    }

    private struct State {
        var idle: [Worker] = []
        var workers = 0
        var isClosed = false
        /// Waiting jobs by ticket; tickets are handed out and served in order.
        var waiting: [UInt64: Job] = [:]
        var nextTicket: UInt64 = 0
        var servedUpTo: UInt64 = 0
        var sweepScheduled = false
        var drained: [CheckedContinuation<Void, Never>] = []

        mutating func nextJob() -> Job? {
            while servedUpTo < nextTicket {
                defer { servedUpTo += 1 }
                if let job = waiting.removeValue(forKey: servedUpTo) { return job }
            }
            return nil
        }
    }

    private let label: String
    private let limit: Int
    private let maxWaiting: Int
    private let waitTimeout: Duration
    private let state = Mutex(State())

    init(label: String, limit: Int, maxWaiting: Int, waitTimeout: Duration) {
        self.label = label
        self.limit = max(1, limit)
        self.maxWaiting = max(0, maxWaiting)
        self.waitTimeout = waitTimeout
    }

    var statistics: DatabaseStatistics {
        state.withLock {
            DatabaseStatistics(limit: limit, active: $0.workers - $0.idle.count, waiting: $0.waiting.count)
        }
    }

    /// Runs `body` on a free worker. It finds the worker's resource, and leaves there what the next one shall find. The
    /// trace of the request for which it runs goes along, so that events made in a transaction belong to it.
    func run<T: Sendable>(
        _ body: @escaping @Sendable (inout Resource?) -> Result<T, DatabaseError>
    ) async throws(DatabaseError) -> T {
        let trace = CurrentTrace.value
        let result: Result<T, DatabaseError> = await withCheckedContinuation { continuation in
            submit(
                Job(
                    run: { resource in
                        let result =
                            trace == nil
                            ? body(&resource) : CurrentTrace.$value.withValue(trace) { body(&resource) }
                        return { continuation.resume(returning: result) }
                    },
                    fail: { continuation.resume(returning: .failure($0)) },
                    deadline: .now + waitTimeout))
        }
        return try result.get()
    }

    /// Refuses what waits, lets what runs finish and gives up every resource.
    func shutdown() async {
        let refused = state.withLock { state -> [Job] in
            state.isClosed = true
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for job in refused { job.fail(.unavailable("the database is shut down")) }
        await withCheckedContinuation { continuation in
            let idle = state.withLock { state -> [Worker] in
                state.drained.append(continuation)
                defer { state.idle = [] }
                return state.idle
            }
            for worker in idle { worker.thread.async { self.retire(worker) } }
            resumeIfDrained()
        }
    }

    // MARK: -

    private enum Admission {
        case start(Worker)
        case queued(scheduleSweep: Bool)
        case refused(DatabaseError)
    }

    private func submit(_ job: Job) {
        let admission = state.withLock { state -> Admission in
            if state.isClosed { return .refused(.unavailable("the database is shut down")) }
            if let worker = state.idle.popLast() { return .start(worker) }
            if state.workers < limit {
                state.workers += 1
                return .start(Worker(label: "\(label).\(state.workers)"))
            }
            guard state.waiting.count < maxWaiting else {
                return .refused(.busy("\(state.waiting.count) transactions wait already"))
            }
            state.waiting[state.nextTicket] = job
            state.nextTicket += 1
            defer { state.sweepScheduled = true }
            return .queued(scheduleSweep: !state.sweepScheduled)
        }
        switch admission {
        case .start(let worker): worker.thread.async { self.work(worker, first: job) }
        case .queued(let scheduleSweep): if scheduleSweep { self.scheduleSweep(after: waitTimeout) }
        case .refused(let error): job.fail(error)
        }
    }

    /// Serves jobs until none waits. Runs on the worker's thread.
    private func work(_ worker: Worker, first: Job) {
        var job = first
        while true {
            let tell = job.run(&worker.resource)
            let next = state.withLock { state -> (job: Job?, isClosed: Bool) in
                if let next = state.nextJob() { return (next, false) }
                if !state.isClosed { state.idle.append(worker) }
                return (nil, state.isClosed)
            }
            tell()
            guard let following = next.job else {
                if next.isClosed { retire(worker) }
                return
            }
            job = following
        }
    }

    private func retire(_ worker: Worker) {
        worker.resource = nil
        state.withLock { $0.workers -= 1 }
        resumeIfDrained()
    }

    private func resumeIfDrained() {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard state.isClosed, state.workers == 0 else { return [] }
            defer { state.drained = [] }
            return state.drained
        }
        for waiter in waiters { waiter.resume() }
    }

    private func scheduleSweep(after delay: Duration) {
        let nanoseconds = delay.components.seconds * 1_000_000_000 + delay.components.attoseconds / 1_000_000_000
        DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(Int(max(nanoseconds, 1_000_000)))) {
            [weak self] in
            self?.sweep()
        }
    }

    /// Refuses what has waited too long. Tickets are in order of their deadlines, so the first that may wait ends it.
    private func sweep() {
        let now = ContinuousClock.now
        let (expired, next) = state.withLock { state -> ([Job], ContinuousClock.Instant?) in
            var expired: [Job] = []
            while state.servedUpTo < state.nextTicket {
                if let job = state.waiting[state.servedUpTo] {
                    if job.deadline > now { return (expired, job.deadline) }
                    state.waiting[state.servedUpTo] = nil
                    expired.append(job)
                }
                state.servedUpTo += 1
            }
            state.sweepScheduled = false
            return (expired, nil)
        }
        for job in expired { job.fail(.busy("no connection became free in time")) }
        if let next { scheduleSweep(after: now.duration(to: next)) }
    }
}
