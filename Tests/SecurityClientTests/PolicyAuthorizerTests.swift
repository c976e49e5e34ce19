import APISecurity
import Cedar
import Contracts
import StrictJSON
import TestSupport
import Testing

@testable import SecurityClient

/// What is decided in the process, how old policies may be for it, and what goes on record.
@Suite struct PolicyAuthorizerTests {
    private let endpoint: PolicyEndpoint
    private let client: PolicyClient
    private let events = KeptSecurityEvents()
    private let record: DecisionRecord
    private let authorizer: Authorizer

    init() async throws {
        endpoint = try await PolicyEndpoint()
        client = try endpoint.client()
        record = DecisionRecord(sink: events, clock: endpoint.clock.read, logger: quiet)
        authorizer = Authorizer(client, record: record, clock: endpoint.clock.read)
    }

    private func decide(
        _ action: String, roles: [String] = ["trader"], subject: String = "alice", context: Record = .empty
    ) -> AuthorizationDecision {
        let identity = Identity(
            subject: subject, sessionID: "ses_1", roles: roles, authTime: endpoint.clock.seconds - 10, amr: ["pwd"])
        return authorizer.decide(
            action, on: PolicyEndpoint.fx, by: AuthorizationSubject(identity, now: endpoint.clock.now),
            context: context)
    }

    /// What is on record in the end.
    private func recorded() async throws -> [SecurityEvent] {
        let running = record.services.map { service in Task { try await service.run() } }
        for task in running { task.cancel() }
        for task in running { try await task.value }
        return events.all
    }

    @Test func decisionsNameTheirPolicies() async throws {
        #expect(decide("orders:place").outcome == .unavailable("no-policies"))
        #expect(await client.fetch())
        let allowed = decide("orders:place")
        #expect(allowed.isAllowed && allowed.policyIDs == ["traders"])
        #expect(allowed.version == 1 && allowed.sequence == 1)
        let denied = decide("orders:place", roles: ["viewer"])
        #expect(denied.outcome == .denied && denied.policyIDs == [])
        endpoint.state.update { ($0.entitySequence, $0.entities) = (2, [PolicyEndpoint.desk(halted: true)]) }
        #expect(await client.fetch())
        let halted = decide("orders:place")
        #expect(halted.outcome == .denied && halted.policyIDs == ["halted"])
        #expect(halted.statedReason == "The desk is halted.")
        #expect(decide("orders:cancel").isAllowed)
        await endpoint.stop()
    }

    /// Roles are those of the token: what the entity store says of them counts for nothing.
    @Test func storedRolesDoNotCount() async throws {
        let user = Entity(
            uid: EntityUID(type: "User", id: "mallory"), parents: [EntityUID(type: "Role", id: "trader")])
        endpoint.state.update { $0.entities.append(user) }
        #expect(await client.fetch())
        #expect(decide("orders:place", roles: [], subject: "mallory").outcome == .denied)
        #expect(decide("orders:place", subject: "mallory").isAllowed)
        await endpoint.stop()
    }

    /// What adds risk and what is neutral ends with freshness; what takes risk away goes on, though not for ever.
    @Test func staleness() async throws {
        #expect(await client.fetch())
        endpoint.clock.advance(899_000)
        for action in ["orders:place", "orders:view", "orders:cancel"] {
            #expect(decide(action).isAllowed, "\(action)")
        }
        endpoint.clock.advance(2_000)
        #expect(decide("orders:place").outcome == .unavailable("stale-policies"))
        #expect(decide("orders:view").outcome == .unavailable("stale-policies"))
        #expect(decide("orders:cancel").isAllowed)
        #expect(decide("orders:cancel", roles: []).outcome == .denied, "stale or not, it is the policies that decide")
        endpoint.clock.advance(Authorizer.longestStaleness - 902_000)
        #expect(decide("orders:cancel").isAllowed)
        endpoint.clock.advance(2_000)
        #expect(decide("orders:cancel").outcome == .unavailable("stale-policies"))
        #expect(await client.fetch())
        #expect(decide("orders:place").isAllowed)
        await endpoint.stop()
    }

    /// Policies of unknown age, from disk: cancelling goes by them, and nothing else.
    @Test func fromDiskWithoutFreshness() async throws {
        let folder = try TemporaryDirectory("jts-policy-cache")
        #expect(await (try endpoint.client(cache: folder.path)).fetch())
        endpoint.clock.advance(2 * Authorizer.longestStaleness)
        let restarted = try endpoint.client(cache: folder.path)
        restarted.startFromDisk()
        let authorizer = Authorizer(restarted, record: nil, clock: endpoint.clock.read)
        let subject = AuthorizationSubject(
            Identity(subject: "alice", roles: ["trader"]), now: endpoint.clock.now)
        #expect(
            authorizer.decide("orders:place", on: PolicyEndpoint.fx, by: subject).outcome
                == .unavailable("stale-policies"))
        #expect(authorizer.decide("orders:cancel", on: PolicyEndpoint.fx, by: subject).isAllowed)
        await endpoint.stop()
    }

    /// A halt that cannot be evaluated is no licence.
    @Test func aForbiddingPolicyThatErrs() async throws {
        endpoint.state.update { $0.entities = [] }
        #expect(await client.fetch())
        let placed = decide("orders:place")
        #expect(placed.outcome == .unavailable("policy-errors") && placed.errors.map(\.policy) == ["halted"])
        #expect(decide("orders:cancel").isAllowed)
        #expect(decide("orders:view").isAllowed)
        #expect(decide("orders:place", roles: []).outcome == .denied)
        await endpoint.stop()
    }

    /// What the platform says of a request, nobody replaces.
    @Test func theCallerCannotReplaceTheContext() async throws {
        endpoint.state.update { state in
            state.files["a.cedar"] = """
                @id("strong") permit (principal, action, resource)
                when { context.amr.contains("otp") || context.authenticated_at_age < 0 };
                """
        }
        #expect(await client.fetch())
        let claimed = Record([("amr", .set(ValueSet([.string("otp")]))), ("authenticated_at_age", .int(-1))])
        #expect(decide("orders:view", context: claimed).outcome == .denied)
        await endpoint.stop()
    }

    // MARK: Record

    @Test func identicalDenialsAreCounted() async throws {
        #expect(await client.fetch())
        for _ in 0..<5_000 { _ = decide("orders:place", roles: []) }
        _ = decide("orders:place", roles: [], subject: "bob")
        let events = try await recorded()
        #expect(events.allSatisfy { $0.kind == .decisionDenied && $0.outcome == .refused })
        let alice = events.filter { $0.subject == "alice" }
        // The first at once, all that follow within the second in one.
        #expect(alice.count <= 2)
        #expect(alice.reduce(0) { $0 + ($1.fields["refusals"]?.int ?? 0) } == 5_000)
        #expect(events.filter { $0.subject == "bob" }.count == 1)
        let event = try #require(alice.first)
        #expect(event.reason == "not_permitted" && event.sessionID == "ses_1")
        #expect(event.fields["action"]?.string == "orders:place")
        #expect(event.fields["resource"]?.string == "Desk::\"fx\"")
        #expect(event.fields["policy_version"]?.int == 1 && event.fields["policy_sequence"]?.int == 1)
        await endpoint.stop()
    }

    @Test func denialsAndWhatCannotBeDecidedSayWhy() async throws {
        #expect(await client.fetch())
        endpoint.state.update { ($0.entitySequence, $0.entities) = (2, [PolicyEndpoint.desk(halted: true)]) }
        #expect(await client.fetch())
        _ = decide("orders:place")
        endpoint.clock.advance(901_000)
        _ = decide("orders:place")
        let events = try await recorded()
        #expect(Set(events.map(\.reason)) == ["forbidden", "stale_policies"])
        let forbidden = try #require(events.first { $0.reason == "forbidden" })
        #expect(forbidden.fields["policies"]?.strings == ["halted"])
        await endpoint.stop()
    }

    @Test func allowedActsAreRecordedWhereAPolicyOrTheActAsksForIt() async throws {
        #expect(await client.fetch())
        for _ in 0..<10 { #expect(decide("orders:place").isAllowed) }
        for _ in 0..<3 { #expect(decide("strategies:view").isAllowed) }
        for _ in 0..<2 { #expect(decide("risk:override").isAllowed) }
        let events = try await recorded()
        #expect(events.allSatisfy { $0.kind == .decisionAllowed && $0.outcome == .success })
        let actions = events.map { $0.fields["action"]?.string }
        #expect(actions.filter { $0 == "strategies:view" }.count == 3, "each by itself")
        #expect(actions.filter { $0 == "risk:override" }.count == 2)
        #expect(actions.count == 5)
        let watched = try #require(events.first { $0.fields["action"]?.string == "strategies:view" })
        #expect(Set(watched.fields["policies"]?.strings ?? []) == ["traders", "watched"])
        await endpoint.stop()
    }
}

/// Keeps what it is told.
private final class KeptSecurityEvents: RefusalSink {
    private let kept = Box([SecurityEvent]())
    var all: [SecurityEvent] { kept.value }
    func record(_ events: [SecurityEvent]) async throws { kept.update { $0 += events } }
}
