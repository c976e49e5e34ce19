import Contracts
import EventBus
import Logging
import NIOPosix
import Redis
import TestSupport
import Testing

@testable import TokenService

/// The scripts of a session's life on a real Redis.
@Suite(.serialized) struct SessionStoreTests {
    private static let server = Task { try await RedisServer() }

    private let redis: RedisClient
    private let store: SessionStore
    private let subject = UserID.make()
    private let limits = SessionStore.Limits(
        maximum: 3, oldestLeaves: true, sliding: 60_000, absolute: 600_000)

    init() async throws {
        redis = try RedisClient(
            RedisConfiguration(url: try await Self.server.value.url),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"))
        store = SessionStore(redis: redis, outbox: RedisOutbox(name: "s-\(RandomID.make(bytes: 6))"))
    }

    private func event(_ kind: SecurityEvent.Kind) -> SecurityEvent { SecurityEvent(kind, subject: subject, at: 1) }

    private var refusals: SessionStore.Refusals {
        SessionStore.Refusals(
            reused: event(.refreshReused),
            mismatched: SecurityEvent(
                .refreshRefused, subject: subject, at: 1,
                fields: ["refusals": .string(AttemptStore.countPlaceholder)]))
    }

    private func new(_ client: ClientInfo = ClientInfo(address: "192.0.2.1")) -> SessionStore.New {
        SessionStore.New(
            id: SessionID(subject: subject, random: RandomID.bytes(16)), subject: subject, client: client,
            authTime: 1_700_000_000, amr: ["pwd", "otp", "mfa"], acr: "urn:jts:acr:2", epoch: 7, selfOnly: false)
    }

    private func create(
        _ session: SessionStore.New, _ limits: SessionStore.Limits? = nil
    ) async throws -> SessionStore.Creation {
        try await store.create(
            session, limits: limits ?? self.limits, created: event(.sessionCreated).outboxEvent(),
            refused: event(.sessionRefused).outboxEvent())
    }

    private func refresh(
        _ id: SessionID, _ generation: UInt32, print: String = "p", grace: Int64 = 10_000, client: String = "jts",
        binding: KeyBinding? = nil
    ) async throws -> SessionStore.Refreshing {
        try await store.refresh(
            SessionStore.RefreshRequest(
                token: RefreshToken(session: id, generation: generation, subject: subject), clientID: client,
                binding: binding, fingerprint: print, grace: grace, sliding: 60_000),
            refreshed: event(.sessionRefreshed), refusals: { refusals })
    }

    private func successor(_ outcome: SessionStore.Refreshing) -> UInt32? {
        if case .continued(let session) = outcome { session.successor } else { nil }
    }

    private func events(of id: SessionID) async throws -> [OutboxEvent] {
        let stream = SessionKeys(tag: id.tag, outbox: store.outbox).stream
        let entries = try await redis.send(["XRANGE", .string(stream), "-", "+"]).array ?? []
        return entries.compactMap { $0.array?.last?.array?.last?.string.flatMap { OutboxEvent(encoded: $0.utf8) } }
    }

    private func kinds(of id: SessionID) async throws -> [String] {
        try await events(of: id).compactMap { $0.type.split(separator: ".").last.map(String.init) }
    }

    @Test func aSessionRemembersHowItBegan() async throws {
        let session = new()
        #expect(try await create(session) == .created(evicted: []))
        guard case .continued(let continued) = try await refresh(session.id, 0) else {
            Issue.record("not continued")
            return
        }
        #expect(continued.subject == subject)
        #expect(continued.amr == ["pwd", "otp", "mfa"])
        #expect(continued.authTime == 1_700_000_000)
        #expect(continued.epoch == 7)
        #expect(continued.successor == 1)
        #expect(!continued.isRepeat)
        #expect(try await kinds(of: session.id) == ["session-created", "session-refreshed"])
        #expect(try await store.owner(of: session.id) == subject)
    }

    @Test func aLostAnswerIsGivenAgainOnceOnly() async throws {
        let session = new()
        _ = try await create(session)
        #expect(successor(try await refresh(session.id, 0)) == 1)
        guard case .continued(let again) = try await refresh(session.id, 0) else {
            Issue.record("the repetition is refused")
            return
        }
        #expect(again.isRepeat && again.successor == 1)
        // The successor is used: whoever still has the old token is not its owner.
        #expect(successor(try await refresh(session.id, 1)) == 2)
        #expect(try await refresh(session.id, 0) == .reused(subject: subject))
        #expect(try await refresh(session.id, 2) == .gone)
        #expect(try await kinds(of: session.id).last == "refresh-reused")
    }

    @Test func anotherRequestWithTheSameTokenIsReuse() async throws {
        let session = new()
        _ = try await create(session)
        _ = try await refresh(session.id, 0, print: "a")
        #expect(try await refresh(session.id, 0, print: "b") == .reused(subject: subject))
        #expect(try await !store.standing(session.id).isAlive)
    }

    @Test func theGraceEnds() async throws {
        let session = new()
        _ = try await create(session)
        _ = try await refresh(session.id, 0)
        try await Task.sleep(for: .milliseconds(30))
        #expect(try await refresh(session.id, 0, grace: 10) == .reused(subject: subject))
    }

    @Test func reuseLeavesANoteUntilItIsSettled() async throws {
        let session = new()
        _ = try await create(session)
        _ = try await refresh(session.id, 0, print: "a")
        _ = try await refresh(session.id, 0, print: "b")
        let overdue = try await store.overdueRevocations(tag: session.id.tag, olderThan: -60_000, now: 1 << 50)
        #expect(overdue.map(\.session) == [session.id.description])
        #expect(overdue.map(\.reason) == ["refresh_reuse"])
        try await store.settleRevocation(session.id, subject: subject, reason: "refresh_reuse")
        #expect(
            try await store.overdueRevocations(tag: session.id.tag, olderThan: -60_000, now: 1 << 50).isEmpty)
    }

    @Test func anotherClientOrKeyGetsNothingAndEndsNothing() async throws {
        let bound = KeyBinding.dpop(thumbprint: "key")
        let session = new(ClientInfo(address: "192.0.2.1", binding: bound))
        _ = try await create(session)
        #expect(try await refresh(session.id, 0, client: "other", binding: bound) == .mismatch)
        #expect(try await refresh(session.id, 0) == .mismatch)
        #expect(try await refresh(session.id, 0, binding: .dpop(thumbprint: "stranger")) == .mismatch)
        #expect(try await refresh(session.id, 0, binding: .certificate(thumbprint: "key")) == .mismatch)
        #expect(successor(try await refresh(session.id, 0, binding: bound)) == 1)
        // Four refusals within a second are told once.
        #expect(try await kinds(of: session.id) == ["session-created", "refresh-refused", "session-refreshed"])
        #expect(try await events(of: session.id)[1].data["fields"]?["refusals"] == 1)
        try await Task.sleep(for: .milliseconds(1_010))
        #expect(try await refresh(session.id, 1, client: "other", binding: bound) == .mismatch)
        #expect(try await events(of: session.id).last?.data["fields"]?["refusals"] == 4)
    }

    /// A Redis that fell back to an older state learns from the token that is presented.
    @Test func aLaterGenerationRepairs() async throws {
        let session = new()
        _ = try await create(session)
        #expect(successor(try await refresh(session.id, 5)) == 6)
        #expect(successor(try await refresh(session.id, 6)) == 7)
        #expect(try await refresh(session.id, 5, print: "other") == .reused(subject: subject))
    }

    @Test func theOldestLeavesOrTheNewestIsRefused() async throws {
        var ids: [SessionID] = []
        for _ in 0..<3 {
            let session = new()
            _ = try await create(session)
            ids.append(session.id)
            try await Task.sleep(for: .milliseconds(2))
        }
        #expect(try await create(new()) == .created(evicted: [ids[0]]))
        #expect(try await !store.standing(ids[0]).isAlive)
        let strict = SessionStore.Limits(maximum: 3, oldestLeaves: false, sliding: 60_000, absolute: 600_000)
        #expect(try await create(new(), strict) == .refused)
        #expect(try await store.list(of: subject).count == 3)
        try await store.end([ids[1]])
        #expect(try await create(new(), strict) == .created(evicted: []))
    }

    @Test func aThousandAtOnceLeaveExactlyTheLimit() async throws {
        let outcomes = try await withThrowingTaskGroup(of: SessionStore.Creation.self) { group in
            for _ in 0..<1_000 { group.addTask { try await create(new()) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.allSatisfy { $0 != .refused })
        #expect(try await store.list(of: subject).count == 3)
    }

    @Test func sessionsEndBySubjectAndTokensAreVoidedByInstant() async throws {
        let session = new()
        _ = try await create(session)
        try await store.voidTokens(of: subject, issuedUpTo: 42)
        let standing = try await store.standing(session.id)
        #expect(standing.isAlive && standing.voidBefore == 42)
        try await store.endAll(of: subject)
        #expect(try await !store.standing(session.id).isAlive)
        #expect(try await store.list(of: subject).isEmpty)
        #expect(try await refresh(session.id, 0) == .gone)
    }

    @Test func idleAndOldSessionsEnd() async throws {
        let idle = new()
        _ = try await create(idle, SessionStore.Limits(maximum: nil, oldestLeaves: true, sliding: 20, absolute: 60_000))
        let old = new()
        _ = try await create(old, SessionStore.Limits(maximum: nil, oldestLeaves: true, sliding: 60_000, absolute: 20))
        try await Task.sleep(for: .milliseconds(40))
        #expect(try await refresh(idle.id, 0) == .gone)
        #expect(try await refresh(old.id, 0) == .gone)
    }

    /// No part of a refresh token stands in Redis.
    @Test func aDumpYieldsNoToken() async throws {
        let session = new()
        _ = try await create(session)
        _ = try await refresh(session.id, 0)
        let key = SessionKeys(tag: session.id.tag, outbox: store.outbox).session(session.id)
        let fields = try await redis.send(["HGETALL", .string(key)]).array?.compactMap(\.string) ?? []
        #expect(fields.contains("gen"))
        #expect(fields.allSatisfy { !$0.hasPrefix(RefreshToken.prefix) && $0.utf8.count < 64 })
    }

    @Test func theScriptsWorkOnACluster() async throws {
        let cluster = try await RedisCluster()
        let client = try RedisClient(
            RedisConfiguration(url: cluster.url), eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test"))
        let spread = SessionStore(redis: client, outbox: RedisOutbox(name: "c"))
        for number in 0..<20 {
            let subject = "usr_\(number)"
            let id = SessionID(subject: subject, random: RandomID.bytes(16))
            let session = SessionStore.New(
                id: id, subject: subject, client: ClientInfo(address: "192.0.2.1"), authTime: 1, amr: ["pwd"],
                acr: "urn:jts:acr:1", epoch: 0, selfOnly: false)
            _ = try await spread.create(
                session, limits: limits, created: event(.sessionCreated).outboxEvent(),
                refused: event(.sessionRefused).outboxEvent())
            let outcome = try await spread.refresh(
                SessionStore.RefreshRequest(
                    token: RefreshToken(session: id, generation: 0, subject: subject), clientID: "jts", binding: nil,
                    fingerprint: "p", grace: 10_000, sliding: 60_000),
                refreshed: event(.sessionRefreshed), refusals: { refusals })
            #expect(successor(outcome) == 1)
            try await spread.end([id])
            #expect(try await !spread.standing(id).isAlive)
        }
        await client.shutdown()
    }
}
