import Database
import SecurityClient

/// Who holds roles, as a change of roles has to know it.
enum AssignmentRows {
    struct Holder: Sendable {
        let subject: String
        /// Roles of the account.
        let account: [String]
        let assigned: [AssignedRole]
    }

    /// Rows at a time: bounded, as are the parameters of a statement.
    static let batch = 1_000

    /// Everybody of whom a bundle may tell something else than what stands here, in the order of their ids, and how many
    /// whom it names are not known.
    static func holders(
        in bundle: RolesBundle, _ connection: any SQLConnection
    ) throws -> (known: [Holder], unknown: Int) {
        var named = Set(bundle.assignments.map(\.subject)).union(bundle.removed.map(\.subject))
        var known: [Holder] = []
        if bundle.from == nil {
            // Whoever is not named in the whole has nothing any more.
            let rows = try connection.query("\(select) WHERE assigned_roles <> '[]'")
            known = try rows.map(holder)
            named.subtract(known.map(\.subject))
        }
        var unknown = named.count
        for ids in named.sorted().batches(of: batch) {
            let places = Array(repeating: "?", count: ids.count).joined(separator: ", ")
            let rows = try connection.query("\(select) WHERE id IN (\(places))", ids.map { .text($0) })
            known += try rows.map(holder)
            unknown -= rows.count
        }
        return (known.sorted { $0.subject < $1.subject }, unknown)
    }

    /// The people who may have less by a changed catalogue. Of others than active accounts there are no tokens.
    static func people(
        concernedBy reduction: RoleReduction, at now: Int64, _ connection: any SQLConnection
    ) throws -> [String] {
        var concerned: [String] = []
        var last = ""
        while true {
            let rows = try connection.query(
                "\(select) WHERE id > ? AND status = 'active' ORDER BY id LIMIT ?",
                [.text(last), .int(Int64(batch))])
            for row in rows {
                let holder = try holder(row)
                last = holder.subject
                let held = holder.assigned.filter { $0.isInEffect(at: now) }.map(\.role)
                if reduction.concerns(holder.account + held) { concerned.append(holder.subject) }
            }
            guard rows.count == batch else { return concerned }
        }
    }

    /// The client ids of the services that may have less.
    static func services(
        concernedBy reduction: RoleReduction, _ connection: any SQLConnection
    ) throws -> [String] {
        try connection.query("SELECT client_id, roles FROM service_accounts WHERE status = 'active'")
            .filter { reduction.concerns(try $0.strings("roles")) }.map { try $0.text("client_id") }
    }

    private static let select = "SELECT id, roles, assigned_roles FROM users"

    private static func holder(_ row: SQLRow) throws -> Holder {
        Holder(
            subject: try row.text("id"), account: try row.strings("roles"), assigned: try row.assignedRoles())
    }
}

extension Array {
    /// Its elements in pieces of at most so many.
    func batches(of size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}
