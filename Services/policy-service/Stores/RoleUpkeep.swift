import Contracts
import Database
import EventBus
import SecurityClient
import StrictJSON

/// Marks what ran out by itself: assignments and elevations that ended, requests that nobody decided. Every replica tries;
/// whoever is first in the database does it, and the others find nothing left, so that each is told once.
struct RoleUpkeep: Sendable {
    /// Rows in one transaction.
    static let batch: Int64 = 500

    let database: any Database
    let record: RoleRecord

    /// - Returns: how many were marked.
    func run(now: Int64) async throws -> Int {
        var marked = 0
        while true {
            let (expired, lapsed) = try await (expire(now: now), lapse(now: now))
            marked += expired + lapsed
            if max(expired, lapsed) < RoleUpkeep.batch { return marked }
        }
    }

    private func expire(now: Int64) async throws -> Int {
        let due = " WHERE state = 'active' AND ends_at <= ? ORDER BY ends_at, id LIMIT \(RoleUpkeep.batch)"
        // Nearly always there is nothing to do, which a reader finds out.
        guard try await !database.query("SELECT id FROM role_assignments" + due, [.int(now)]).isEmpty else { return 0 }
        return try await database.change { connection in
            let sequence = try RoleNumber.take(connection)
            let ending = try connection.query(RoleRows.assignments + due, [.int(now)]).map(RoleRows.assignment)
            guard !ending.isEmpty else {
                try RoleNumber.giveBack(sequence, connection)
                return 0
            }
            let act = Act(subject: nil, at: now)
            for assignment in ending {
                try AssignmentStore.finish(
                    assignment.id, .expired, reason: nil, by: nil, at: assignment.endsAt ?? now, sequence: sequence,
                    connection)
                if let id = assignment.elevation, let elevation = try RoleRows.elevation(id, connection) {
                    let over = elevation.passing(to: now)
                    try ElevationStore.update(over, connection)
                    try record.append(
                        .elevationEnded, over, act, reason: "expired", stated: nil, sequence: sequence, connection)
                } else {
                    var over = assignment
                    over.sequence = sequence
                    try record.append(.roleAssignmentEnded, over, act, reason: "expired", stated: nil, connection)
                }
            }
            try record.announce(sequence, at: now, connection)
            return ending.count
        }
    }

    private func lapse(now: Int64) async throws -> Int {
        let due = " WHERE state = 'requested' AND lapses_at <= ? ORDER BY lapses_at, id LIMIT \(RoleUpkeep.batch)"
        guard try await !database.query("SELECT id FROM role_elevations" + due, [.int(now)]).isEmpty else { return 0 }
        return try await database.change { connection in
            let waiting = try connection.query(
                RoleRows.elevations + due + connection.dialect.forUpdate, [.int(now)]
            ).map(RoleRows.elevation)
            for elevation in waiting {
                let over = elevation.passing(to: now)
                try ElevationStore.update(over, connection)
                try record.append(
                    .elevationRejected, over, Act(subject: nil, at: now), reason: "lapsed", stated: nil, sequence: nil,
                    connection)
            }
            return waiting.count
        }
    }
}
