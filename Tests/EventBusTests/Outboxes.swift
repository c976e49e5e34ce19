import Contracts
import Database
import Redis
import Synchronization
import TestSupport
import Testing

@testable import EventBus

/// Where an outbox can stand.
enum OutboxKind: String, CaseIterable, Sendable {
    case sqlite, postgres, redis
}

/// An outbox named `main` in a store of its own, written as services write it.
struct TestOutbox: Sendable {
    let write: @Sendable ([OutboxEvent]) async throws -> Void
    /// Another replica's view of it.
    let source: @Sendable () -> any OutboxSource

    init(_ kind: OutboxKind) async throws {
        switch kind {
        case .sqlite: try await self.init(SQLOutbox(name: "main"), in: OutboxDatabase(.sqlite))
        case .postgres: try await self.init(SQLOutbox(name: "main"), in: OutboxDatabase(.postgres))
        case .redis: try await self.init(RedisOutboxFixture())
        }
    }

    private init(_ outbox: SQLOutbox, in store: OutboxDatabase) {
        write = { try await store.commit($0, to: outbox) }
        source = { outbox.source(on: store.database) }
    }

    private init(_ fixture: RedisOutboxFixture) {
        write = { try await fixture.write($0) }
        source = { fixture.source() }
    }
}

/// An outbox in a Redis server of its own.
final class RedisOutboxFixture: Sendable {
    let server: RedisServer
    let redis: RedisClient
    let outbox: RedisOutbox

    init(tags: Int = 4, appendOnly: Bool = false) async throws {
        server = try await RedisServer(.init(appendOnly: appendOnly))
        redis = try makeRedis(server)
        outbox = RedisOutbox(name: "main", tags: tags)
    }

    func source(retention: OutboxRetention = .redis) -> RedisOutboxSource {
        outbox.source(on: redis, retention: retention)
    }

    func write(_ events: [OutboxEvent]) async throws { try await outbox.write(events, on: redis) }

    /// Writes as soon as Redis takes it: after a restart the client has to connect first.
    func writeWhenPossible(_ events: [OutboxEvent]) async throws {
        try await eventually("Redis takes commands") { (try? await redis.ping()) != nil }
        try await write(events)
    }
}

extension RedisOutbox {
    /// What a service's script does: a change, and the event that tells of it, in one step.
    private static let change = RedisScript(
        "redis.call('SET', KEYS[1], ARGV[1])\n" + RedisOutbox.luaAppend(key: "KEYS[2]", event: "ARGV[2]"))

    /// The tag that a key's events go to.
    func tag(of key: String) -> Int { Int(key.utf8.reduce(0) { $0 &+ UInt32($1) } % UInt32(tags)) }

    func write(_ events: [OutboxEvent], on redis: RedisClient) async throws {
        for event in events {
            let tag = tag(of: event.key)
            _ = try await redis.run(
                Self.change, keys: ["state:{\(hashTag(tag))}:\(event.key)", key(tag: tag)],
                arguments: [.string(event.id), .string(event.encoded())])
        }
    }
}

/// A source whose relay can be stopped in its tracks, as a process that the kernel does not run for a while: between
/// having read a batch and publishing it.
final class StallingSource: OutboxSource {
    private let inner: any OutboxSource
    private let trustsItsLease: Bool
    private let state = Mutex((isStalling: false, isStalled: false))

    /// - Parameter trustsItsLease: the relay's clock stands still too, so that it believes to have the lease for ever.
    init(_ inner: any OutboxSource, trustsItsLease: Bool) {
        self.inner = inner
        self.trustsItsLease = trustsItsLease
    }

    var name: String { inner.name }
    /// A batch was read, and the relay does not go on.
    var isStalled: Bool { state.withLock { $0.isStalled } }
    func stall() { state.withLock { $0.isStalling = true } }
    func goOn() { state.withLock { $0 = (false, false) } }

    private func waitWhileStalling() async {
        while state.withLock({ $0.isStalling }) { try? await Task.sleep(for: .milliseconds(5)) }
    }

    private func believed(_ lease: OutboxLease?) -> OutboxLease? {
        guard trustsItsLease, let lease else { return lease }
        return OutboxLease(
            outbox: lease.outbox, holder: lease.holder, fence: lease.fence, validUntil: .now + .seconds(3_600))
    }

    func acquire(holder: String, ttl: Duration) async throws(OutboxError) -> OutboxLease? {
        believed(try await inner.acquire(holder: holder, ttl: ttl))
    }

    func renew(_ lease: OutboxLease, ttl: Duration) async throws(OutboxError) -> OutboxLease? {
        await waitWhileStalling()
        guard let renewed = try await inner.renew(lease, ttl: ttl) else { return trustsItsLease ? lease : nil }
        return believed(renewed)
    }

    func take(limit: Int, _ lease: OutboxLease) async throws(OutboxError) -> OutboxBatch {
        let batch = try await inner.take(limit: limit, lease)
        guard !batch.records.isEmpty else { return batch }
        state.withLock { $0.isStalled = $0.isStalling }
        await waitWhileStalling()
        return batch
    }

    func confirm(
        _ batch: OutboxBatch, _ positions: [AcknowledgedPosition], _ lease: OutboxLease
    ) async throws(OutboxError) {
        try await inner.confirm(batch, positions, lease)
    }

    func release(_ lease: OutboxLease) async { await inner.release(lease) }
    func open(_ lease: OutboxLease) async throws(OutboxError) -> OutboxState { try await inner.open(lease) }
    func clock() async throws(OutboxError) -> Int64 { try await inner.clock() }
    func acknowledged() async throws(OutboxError) -> [AcknowledgedPosition] { try await inner.acknowledged() }
    func backlog() async throws(OutboxError) -> Int { try await inner.backlog() }
    func prune(_ lease: OutboxLease) async throws(OutboxError) { try await inner.prune(lease) }
    func republish(_ topics: Set<String>, _ lease: OutboxLease) async throws(OutboxError) {
        try await inner.republish(topics, lease)
    }
}
