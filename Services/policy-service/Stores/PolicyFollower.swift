import Cedar
import Contracts
import Logging
import SecurityClient
import ServiceKit
import Synchronization

/// Keeps a replica's `DecisionPoint` at what SQL says. Every replica does it by itself, so that none has to be told.
actor PolicyFollower {
    private let versions: VersionStore
    private let entities: EntityRecords
    nonisolated let point: DecisionPoint
    private let clock: @Sendable () -> Int64
    private let logger: Logger
    private var isRunning = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private nonisolated let followedAt = Mutex<Int64?>(nil)

    init(
        versions: VersionStore, entities: EntityRecords, point: DecisionPoint,
        clock: @escaping @Sendable () -> Int64, logger: Logger
    ) {
        self.versions = versions
        self.entities = entities
        self.point = point
        self.clock = clock
        self.logger = logger
    }

    /// Reads what changed and switches to it. When it returns, all that was committed before it was called is decided by.
    func follow() async throws {
        while isRunning { await withCheckedContinuation { waiting.append($0) } }
        isRunning = true
        defer {
            isRunning = false
            let released = waiting
            waiting = []
            for continuation in released { continuation.resume() }
        }
        let now = clock()
        try await followPolicies()
        try await followEntities()
        try await followShadow()
        followedAt.withLock { $0 = now }
    }

    /// - Throws: when SQL could not be read for so long that the policies count as stale: a minute more or less of a
    ///   database that is away changes nothing, a quarter of an hour does.
    nonisolated func requireFresh(now: Int64, limit: Int64 = 900_000) throws(Stale) {
        guard let at = followedAt.withLock({ $0 }), now - at < limit else { throw Stale() }
    }

    struct Stale: Error, CustomStringConvertible {
        var description: String { "the policies were not read for too long" }
    }

    private func followPolicies() async throws {
        guard let active = try await versions.active().first, let sequence = active.sequence else { return }
        let current = point.snapshotIfAny
        guard current?.policies.sequence != sequence else { return }
        guard let content = try await versions.version(active.version)?.content else { return }
        let symbols = current?.symbols ?? Symbols()
        // Whoever asks meanwhile is answered by the set before: a large one takes its time.
        let policies = try await OffLoop.run {
            try PolicySnapshot.Policies(
                sequence: sequence, version: active.version, content: content, symbols: symbols)
        }
        if let current {
            point.replace(try current.switching(to: policies))
        } else {
            let (entitySequence, stored) = try await entities.snapshot()
            let store = try await OffLoop.run {
                try PolicySnapshot.store(stored, schema: policies.loaded.schema, symbols: symbols)
            }
            point.replace(PolicySnapshot(policies: policies, entitySequence: entitySequence, store: store))
        }
        logger.info("policies activated", metadata: ["version": "\(active.version)", "sequence": "\(sequence)"])
    }

    private func followEntities() async throws {
        guard let current = point.snapshotIfAny else { return }
        if let deltas = try await entities.changes(after: current.entitySequence) {
            guard !deltas.isEmpty else { return }
            var snapshot = current
            for delta in deltas { snapshot = try snapshot.applying(delta) }
            point.replace(snapshot)
        } else {
            // More was changed than is kept: everything is read anew, and numbers of entities that are gone are
            // given back.
            let (sequence, stored) = try await entities.snapshot()
            point.replace(try await OffLoop.run { try current.rebuilt(entities: stored, sequence: sequence) })
        }
    }

    private func followShadow() async throws {
        let wanted = try await versions.shadow()
        let current = point.shadow
        // Entities that were read anew have numbers of their own, which the shadow set has to be compiled with.
        let fits = current == nil || current?.compiled.symbols === point.snapshotIfAny?.symbols
        guard wanted != current?.version || !fits else { return }
        guard let wanted, let content = try await versions.version(wanted)?.content,
            let symbols = point.snapshotIfAny?.symbols
        else { return point.replaceShadow(nil) }
        point.replaceShadow(
            try PolicySnapshot.Policies(sequence: 0, version: wanted, content: content, symbols: symbols))
    }
}
