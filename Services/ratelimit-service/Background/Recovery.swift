import Contracts
import Logging
import RateLimits
import Redis

/// Finds out when Redis is back, charges there what replicas admitted by themselves meanwhile, and only then lets requests
/// through again: the return brings no burst.
struct Recovery: Sendable {
    /// Counters that are charged together.
    private static let batch = 256

    let limiter: Limiter
    /// Milliseconds since the epoch.
    let clock: @Sendable () -> Int64
    let logger: Logger

    /// One look at each gate.
    func run() async {
        for gate in limiter.gates.all {
            if let key = gate.beginProbe() {
                gate.probed(succeeded: await probe(key, gate))
            } else if gate.letsThrough, limiter.local.owes {
                // Single calls failed, or something was admitted while the last was being charged.
                _ = await charge(gate)
            }
        }
        limiter.local.prune(now: clock())
    }

    private func probe(_ key: String, _ gate: RedisGate) async -> Bool {
        do {
            _ = try await limiter.store.redis.send(["EXISTS", .string(key)], key: key)
        } catch { return false }
        return await charge(gate)
    }

    /// - Returns: whether nothing is owed behind this gate any more.
    private func charge(_ gate: RedisGate) async -> Bool {
        while true {
            let owed = limiter.local.takeOwed(Recovery.batch) { limiter.gates[$0] === gate }
            if owed.isEmpty { return true }
            let failed = await withTaskGroup(of: LocalCounters.Owed?.self) { group in
                for one in owed { group.addTask { await self.charge(one) ? nil : one } }
                var failed: [LocalCounters.Owed] = []
                for await one in group { if let one { failed.append(one) } }
                return failed
            }
            if failed.isEmpty { continue }
            for one in failed { limiter.local.putBack(one) }
            return false
        }
    }

    private func charge(_ owed: LocalCounters.Owed) async -> Bool {
        let now = clock()
        do {
            try await limiter.store.charge(
                owed.key, owed.algorithm, quantity: owed.quantity,
                owed.changes.map { (age: max(0, now - $0.at), cost: $0.cost) })
            return true
        } catch {
            guard case .outcomeUnknown = error else { return error.isAnswer }
            // It may have been charged. Twice would admit less for a while; not at all would admit more.
            return false
        }
    }
}

extension RedisError {
    /// Redis answered that it will not: asking again changes nothing.
    fileprivate var isAnswer: Bool {
        switch self {
        case .server, .unexpectedReply, .crossSlot: true
        case .unavailable, .overloaded, .outcomeUnknown, .protocolViolation, .configuration, .closed: false
        }
    }
}

/// Tells of outages: once when Redis goes, once when it is back.
struct OutageWatch: Sendable {
    let gates: RedisGates
    let record: EventRecord
    let replica: String
    /// Milliseconds since the epoch.
    let clock: @Sendable () -> Int64
    let logger: Logger

    func run() async throws {
        guard let change = gates.look() else { return }
        switch change {
        case .degraded: logger.warning("Redis is away: each replica keeps limits by itself")
        case .recovered(let milliseconds):
            logger.notice("Redis is back: limits are shared again", metadata: ["after_ms": "\(milliseconds)"])
        }
        try await record.record([LimiterEvents.event(change, replica: replica, at: clock())])
    }
}
