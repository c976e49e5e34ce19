import Database
import SecurityClient
import StrictJSON

/// What was taken over of policy-service's roles: one row, and `users.assigned_roles` of each person.
enum RoleFollow {
    struct Kept: Sendable {
        /// Of the last change that was taken over.
        let sequence: Int64
        /// Rises with each change to the catalogue.
        let catalogueSequence: Int64
        /// nil: none was told yet, and the file is gone by.
        let catalogue: RoleCatalogue?
    }

    /// An expression for the number of the catalogue, to be read together with an account: who issues by an older one
    /// than that would give what was taken away.
    static let catalogueSequence = "(SELECT catalogue_sequence FROM role_follow WHERE id = 1)"

    /// - Parameter lock: no other transaction takes something over until this one ends.
    static func read(_ connection: any SQLConnection, lock: Bool = false) throws -> Kept {
        let suffix = lock ? connection.dialect.forUpdate : ""
        let rows = try connection.query(
            "SELECT sequence, catalogue_sequence, catalogue FROM role_follow WHERE id = 1" + suffix)
        guard let row = rows.first else { throw Missing() }
        return Kept(
            sequence: try row.int("sequence"), catalogueSequence: try row.int("catalogue_sequence"),
            catalogue: try row.optionalText("catalogue").map(catalogue))
    }

    static func numbers(_ connection: any SQLConnection) throws -> (sequence: Int64, catalogueSequence: Int64) {
        let rows = try connection.query("SELECT sequence, catalogue_sequence FROM role_follow WHERE id = 1")
        guard let row = rows.first else { throw Missing() }
        return (try row.int("sequence"), try row.int("catalogue_sequence"))
    }

    static func write(_ kept: Kept, _ connection: any SQLConnection) throws {
        try connection.execute(
            "UPDATE role_follow SET sequence = ?, catalogue_sequence = ?, catalogue = ? WHERE id = 1",
            [
                .int(kept.sequence), .int(kept.catalogueSequence),
                .optional(kept.catalogue.map { $0.json.encodedString() }),
            ])
    }

    private static func catalogue(_ text: String) throws -> RoleCatalogue {
        try RoleCatalogue(
            json: try JSONValue(
                parsing: text, limits: JSONLimits(maxBytes: RolesBundle.maximumBytes, maxMembers: 1_000_000)))
    }

    struct Missing: Error, CustomStringConvertible {
        var description: String { "role_follow has no row" }
    }
}

extension RoleBook {
    /// Goes by what stands in SQL when that is newer than what is here.
    /// - Parameter number: of the catalogue in SQL, as it was read with an account.
    func catchUp(to number: Int64, on database: any Database) async throws(DatabaseError) {
        guard number > edition.number else { return }
        let kept = try await database.read { try RoleFollow.read($0) }
        take(kept)
    }

    func take(_ kept: RoleFollow.Kept) {
        if let catalogue = kept.catalogue { take(Edition(catalogue, number: kept.catalogueSequence)) }
        reached(kept.sequence)
    }

    /// The catalogue that holds for a transaction: what is decided in it, is decided by what it can see.
    func catalogue(_ connection: any SQLConnection) throws -> RoleCatalogue {
        let edition = edition
        guard try RoleFollow.numbers(connection).catalogueSequence > edition.number else { return edition.catalogue }
        return try RoleFollow.read(connection).catalogue ?? edition.catalogue
    }
}

extension SQLRow {
    /// The roles that policy-service assigned. Nearly nobody has any: then nothing is parsed.
    func assignedRoles() throws -> [AssignedRole] {
        let text = try text("assigned_roles")
        guard text != "[]" else { return [] }
        let limits = JSONLimits(maxBytes: RolesBundle.maximumBytes, maxMembers: 1_000_000)
        return try JSONValue(parsing: text, limits: limits).array?.compactMap { AssignedRole(json: $0) } ?? []
    }
}

extension SQLValue {
    static func assigned(_ roles: [AssignedRole]) -> SQLValue {
        .text(JSONValue.array(roles.map(\.json)).encodedString())
    }
}
