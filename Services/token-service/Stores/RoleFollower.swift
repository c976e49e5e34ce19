import Contracts
import Database
import Logging
import SecurityClient
import ServiceKit

/// Takes over what policy-service tells of roles: catalogue, assigned roles and the revocations of what is taken away stand
/// in one transaction, so that whoever is given less never has a token that says more than the accounts do.
///
/// Whichever replica is first takes a number; the others find it taken.
struct RoleFollower: RolesTaker {
    let database: any Database
    let catalogue: RoleBook
    let revocations: Revocations
    let clock: @Sendable () -> Int64
    let logger: Logger
    /// Assignments to people who are not known here.
    let strangers: Counter

    init(
        database: any Database, catalogue: RoleBook, revocations: Revocations, metrics: MetricsRegistry,
        clock: @escaping @Sendable () -> Int64, logger: Logger
    ) {
        self.database = database
        self.catalogue = catalogue
        self.revocations = revocations
        self.clock = clock
        self.logger = logger
        strangers = metrics.counter(
            "roles_unknown_subjects_total", help: "People with assigned roles whom nobody knows here.")
    }

    func sequence() async throws -> Int64 {
        let numbers = try await database.inspect { try RoleFollow.numbers($0) }
        try await catalogue.catchUp(to: numbers.catalogueSequence, on: database)
        catalogue.reached(numbers.sequence)
        return numbers.sequence
    }

    /// Goes by what another replica took over.
    func follow() async throws { _ = try await sequence() }

    private enum Taken: Sendable {
        case known, incomplete
        case applied(RoleFollow.Kept, [PendingRevocation], strangers: Int)
    }

    func take(_ bundle: RolesBundle) async throws -> RolesClient.Outcome {
        let taken = try await database.change { connection -> Taken in
            let kept = try RoleFollow.read(connection, lock: true)
            guard bundle.sequence > kept.sequence else { return .known }
            // A change that begins earlier says again what is here already; one that begins later leaves a gap.
            if let from = bundle.from, from > kept.sequence { return .incomplete }
            return try apply(bundle, to: kept, connection)
        }
        switch taken {
        case .known:
            try await follow()
            return .known
        case .incomplete: return .incomplete
        case .applied(let kept, let pending, let unknown):
            catalogue.take(kept)
            if unknown > 0 {
                strangers.increment(by: UInt64(unknown))
                logger.warning("roles are assigned to people who are not known", metadata: ["count": "\(unknown)"])
            }
            await revocations.announce(pending)
            return .applied
        }
    }

    private func apply(
        _ bundle: RolesBundle, to kept: RoleFollow.Kept, _ connection: any SQLConnection
    ) throws -> Taken {
        // Of each attempt: what is issued before the commit by what was read before it lies within the margin.
        let now = clock()
        let old = kept.catalogue ?? catalogue.file
        let new = bundle.catalogue ?? old
        let isChanged = bundle.catalogue != nil && (kept.catalogue == nil || new != old)
        // Replicas go by this number: it rises whatever those of policy-service do.
        let catalogueSequence =
            isChanged ? max(kept.catalogueSequence + 1, bundle.sequence) : kept.catalogueSequence
        let next = RoleFollow.Kept(
            sequence: bundle.sequence, catalogueSequence: catalogueSequence,
            catalogue: isChanged ? new : kept.catalogue)
        let holders = try AssignmentRows.holders(in: bundle, connection)
        let told = RolesBySubject(bundle)
        var concerned: Set<String> = []
        for holder in holders.known {
            let later = told.roles(of: holder.subject, after: holder.assigned)
            if holder.assigned.loses(to: later, account: holder.account, at: now) { concerned.insert(holder.subject) }
            guard later != holder.assigned else { continue }
            try connection.execute(
                "UPDATE users SET assigned_roles = ? WHERE id = ?", [.assigned(later), .text(holder.subject)])
        }
        let reduction = isChanged ? RoleReduction(from: old, to: new) : nil
        if let reduction, !reduction.isEmpty {
            // Those who lost all that they were assigned just now are among the concerned already.
            concerned.formUnion(try AssignmentRows.people(concernedBy: reduction, at: now, connection))
            concerned.formUnion(try AssignmentRows.services(concernedBy: reduction, connection))
        }
        let pending = try revocations.revokeSubjects(
            concerned.sorted(), kind: .claimsChanged, reason: "roles_removed", by: nil, at: now, connection)
        try RoleFollow.write(next, connection)
        return .applied(next, pending, strangers: holders.unknown)
    }
}
