import Contracts
import Database
import EventBus
import SecurityClient
import StrictJSON

/// People in SQL. Every change writes its event, and what it revokes, in the same transaction.
struct UserStore: Sendable {
    let database: any Database
    let outbox: SQLOutbox
    let revocations: Revocations
    let catalogue: RoleBook

    struct New: Sendable {
        var id: String = UserID.make()
        var username: String
        var usernameKey: String
        var email: String?
        var roles: [String]
        var attributes: JSONObject = [:]
        var password: PasswordHash?
        var passwordIsShort: Bool
        var mustChangePassword: Bool
        var passwordExpiresAt: Int64?
        var enrolmentForced = false
    }

    func create(_ new: New, _ act: Act) async throws -> User {
        do {
            let user = try await database.change { connection in
                try UserStore.insert(
                    new, catalogue: catalogue.catalogue(connection), outbox: outbox, act, connection)
                return try UserRows.require(new.id, connection)
            }
            revocations.nudge()
            return user
        } catch let error as DatabaseError where error.isUniqueViolation {
            throw PeopleFault.usernameTaken
        }
    }

    /// Inserts a user with the event that tells of it.
    static func insert(
        _ new: New, catalogue: RoleCatalogue, outbox: SQLOutbox, _ act: Act, _ connection: any SQLConnection
    ) throws {
        try catalogue.checkAccount(new.roles, added: new.roles, assigned: [])
        let due = Enrolment.isDue(
            hasFactor: false, isPrivileged: catalogue.isPrivileged(new.roles), passwordIsShort: new.passwordIsShort,
            isForced: new.enrolmentForced)
        try connection.execute(
            """
            INSERT INTO users (id, username, username_key, email, status, roles, attributes, password_hash,
                password_short, password_expires_at, must_change_password, must_enrol, enrolment_forced,
                tokens_void_before, created_at, updated_at)
            VALUES (?, ?, ?, ?, 'active', ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)
            """,
            [
                .text(new.id), .text(new.username), .text(new.usernameKey), .optional(new.email),
                .strings(new.roles), .text(JSONValue.object(new.attributes).encodedString()),
                .optional(new.password?.text), .flag(new.passwordIsShort), .optional(new.passwordExpiresAt),
                .flag(new.mustChangePassword), .flag(due), .flag(new.enrolmentForced), .int(act.at), .int(act.at),
            ])
        var personal: JSONObject = ["username": .string(new.username)]
        personal["email"] = new.email.map(JSONValue.string)
        let event = act.event(
            .userCreated, subject: new.id, fields: ["roles": .array(new.roles.map(JSONValue.string))],
            personal: personal)
        try outbox.append(event.outboxEvent(), connection)
    }

    func user(_ id: String) async throws -> User {
        try await database.inspect { try UserRows.require(id, $0) }
    }

    /// One query whether or not there is such a user.
    func credentials(usernameKey: String) async throws -> Credentials? {
        try await database.inspect { connection in
            try connection.query(UserRows.select + " WHERE u.username_key = ?", [.text(usernameKey)]).first
                .map(UserRows.credentials)
        }
    }

    func credentials(id: String) async throws -> Credentials {
        let found = try await database.inspect { connection in
            try connection.query(UserRows.select + " WHERE u.id = ?", [.text(id)]).first.map(UserRows.credentials)
        }
        guard let found else { throw PeopleFault.notFound }
        return found
    }

    /// Users in the order of their canonical names, after `cursor`, a canonical name.
    func list(after cursor: String?, limit: Int) async throws -> (users: [User], next: String?) {
        try await database.inspect { connection in
            let rows = try connection.query(
                UserRows.select + " WHERE u.username_key > ? ORDER BY u.username_key LIMIT ?",
                [.text(cursor ?? ""), .int(Int64(limit) + 1)])
            let users = try rows.prefix(limit).map { try UserRows.credentials($0).user }
            return (users, rows.count > limit ? try rows[limit - 1].text("username_key") : nil)
        }
    }

    /// Changes e-mail and attributes; nil leaves as it is.
    func update(_ id: String, email: String??, attributes: JSONObject?, _ act: Act) async throws -> User {
        try await database.change { connection in
            var user = try UserRows.require(id, connection, lock: true)
            var changed: [JSONValue] = []
            if let email, email != user.email {
                user.email = email
                changed.append("email")
            }
            if let attributes, attributes != user.attributes {
                user.attributes = attributes
                changed.append("attributes")
            }
            guard !changed.isEmpty else { return user }
            try connection.execute(
                "UPDATE users SET email = ?, attributes = ?, updated_at = ? WHERE id = ?",
                [
                    .optional(user.email), .text(JSONValue.object(user.attributes).encodedString()), .int(act.at),
                    .text(id),
                ])
            let event = act.event(.userChanged, subject: id, fields: ["changed": .array(changed)])
            try outbox.append(event.outboxEvent(), connection)
            return try UserRows.require(id, connection)
        }
    }

    /// Disables, locks, or makes active again. Taking access away ends every session.
    func setStatus(_ id: String, to status: User.Status, _ act: Act) async throws -> User {
        let (user, pending) = try await database.change { connection -> (User, PendingRevocation?) in
            let user = try UserRows.require(id, connection, lock: true)
            guard user.status != status else { return (user, nil) }
            if status != .active { try keepAdministrator(besides: user, connection) }
            try connection.execute(
                "UPDATE users SET status = ?, updated_at = ? WHERE id = ?",
                [.text(status.rawValue), .int(act.at), .text(id)])
            let kind: SecurityEvent.Kind =
                switch (user.status, status) {
                case (_, .disabled): .userDisabled
                case (_, .locked): .userLocked
                case (.locked, .active): .userUnlocked
                case (_, .active): .userEnabled
                }
            try outbox.append(act.event(kind, subject: id).outboxEvent(), connection)
            var pending: PendingRevocation?
            if status != .active {
                pending = try revocations.revokeSubject(
                    id, kind: .sessionsEnded, reason: status.rawValue, by: act.actor, at: act.at, connection)
            }
            return (try UserRows.require(id, connection), pending)
        }
        if let pending { await revocations.announce(pending) }
        revocations.nudge()
        return user
    }

    /// Replaces the roles. Roles taken away void the tokens issued so far; a role that is the first to need a second
    /// factor ends the sessions, which may have been started without one.
    func setRoles(_ id: String, to roles: [String], _ act: Act) async throws -> User {
        let (user, pending) = try await database.change { connection -> (User, PendingRevocation?) in
            let user = try UserRows.require(id, connection, lock: true)
            let (old, new) = (Set(user.roles), Set(roles))
            let catalogue = try catalogue.catalogue(connection)
            try catalogue.checkAccount(
                roles, added: new.subtracting(old).sorted(), assigned: user.assigned.filter { !$0.isOver(at: act.at) })
            guard old != new else { return (user, nil) }
            if catalogue.isAdministrator(user.roles), !catalogue.isAdministrator(roles) {
                try keepAdministrator(besides: user, connection)
            }
            try connection.execute(
                "UPDATE users SET roles = ?, updated_at = ? WHERE id = ?",
                [.strings(roles), .int(act.at), .text(id)])
            try syncEnrolment(id, connection)
            let event = act.event(
                .rolesChanged, subject: id,
                fields: [
                    "added": .array(new.subtracting(old).sorted().map(JSONValue.string)),
                    "removed": .array(old.subtracting(new).sorted().map(JSONValue.string)),
                ])
            try outbox.append(event.outboxEvent(), connection)
            var pending: PendingRevocation?
            if catalogue.isPrivileged(roles), !catalogue.isPrivileged(user.roles) {
                pending = try revocations.revokeSubject(
                    id, kind: .sessionsEnded, reason: "roles_raised", by: act.actor, at: act.at, connection)
            } else if !old.isSubset(of: new) {
                pending = try revocations.revokeSubject(
                    id, kind: .claimsChanged, reason: "roles_removed", by: act.actor, at: act.at, connection)
            }
            return (try UserRows.require(id, connection), pending)
        }
        if let pending { await revocations.announce(pending) }
        revocations.nudge()
        return user
    }

    /// Replaces the password and ends every session.
    func setPassword(_ id: String, _ hash: PasswordHash, isShort: Bool, _ act: Act) async throws {
        let pending = try await database.change { connection in
            _ = try UserRows.require(id, connection, lock: true)
            try connection.execute(
                """
                UPDATE users SET password_hash = ?, password_short = ?, password_expires_at = NULL,
                    must_change_password = 0, updated_at = ? WHERE id = ?
                """, [.text(hash.text), .flag(isShort), .int(act.at), .text(id)])
            try syncEnrolment(id, connection)
            try outbox.append(act.event(.passwordChanged, subject: id).outboxEvent(), connection)
            return try revocations.revokeSubject(
                id, kind: .sessionsEnded, reason: "password_changed", by: act.actor, at: act.at, connection)
        }
        await revocations.announce(pending)
    }

    /// Puts the same password under today's cost; nothing happens when it was changed meanwhile.
    func upgradeHash(_ id: String, from old: PasswordHash, to new: PasswordHash) async throws {
        _ = try await database.execute(
            "UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?",
            [.text(new.text), .text(id), .text(old.text)])
    }

    /// Writes down whether a second factor is due, after anything changed on which that depends.
    func syncEnrolment(_ id: String, _ connection: any SQLConnection) throws {
        guard let row = try connection.query(UserRows.select + " WHERE u.id = ?", [.text(id)]).first else { return }
        let user = try UserRows.credentials(row).user
        let due = Enrolment.isDue(
            hasFactor: user.hasFactor, isPrivileged: try catalogue.catalogue(connection).isPrivileged(user.roles),
            passwordIsShort: user.passwordIsShort, isForced: try row.bool("enrolment_forced"))
        guard due != user.mustEnrol else { return }
        try connection.execute("UPDATE users SET must_enrol = ? WHERE id = ?", [.flag(due), .text(id)])
    }

    /// The same on its own: the catalogue may have changed since.
    func syncEnrolment(_ id: String) async throws {
        try await database.change { try syncEnrolment(id, $0) }
    }

    /// - Throws: `lastAdministrator` when `user` is the only active one.
    private func keepAdministrator(besides user: User, _ connection: any SQLConnection) throws {
        let catalogue = try catalogue.catalogue(connection)
        guard user.status == .active, catalogue.isAdministrator(user.roles) else { return }
        let rows = try connection.query(
            "SELECT roles FROM users WHERE status = 'active' AND id <> ? AND roles <> '[]'", [.text(user.id)])
        for row in rows where catalogue.isAdministrator(try row.strings("roles")) { return }
        throw PeopleFault.lastAdministrator
    }
}

/// How a row becomes a user.
enum UserRows {
    static let select = """
        SELECT u.id, u.username, u.username_key, u.email, u.status, u.roles, u.assigned_roles, u.attributes, u.password_hash,
            u.password_short, u.password_expires_at, u.must_change_password, u.must_enrol, u.enrolment_forced,
            u.session_epoch, u.created_at, u.updated_at,
            (SELECT COUNT(*) FROM totp_factors f WHERE f.user_id = u.id) AS factors
        FROM users u
        """

    static func require(_ id: String, _ connection: any SQLConnection, lock: Bool = false) throws -> User {
        // The row is reserved on its own: PostgreSQL does not lock what a subquery counts.
        if lock {
            _ = try connection.query(
                "SELECT id FROM users WHERE id = ?" + connection.dialect.forUpdate, [.text(id)])
        }
        guard let row = try connection.query(select + " WHERE u.id = ?", [.text(id)]).first else {
            throw PeopleFault.notFound
        }
        return try credentials(row).user
    }

    static func credentials(_ row: SQLRow) throws -> Credentials {
        let user = User(
            id: try row.text("id"), username: try row.text("username"), email: try row.optionalText("email"),
            status: User.Status(rawValue: try row.text("status")) ?? .disabled, roles: try row.strings("roles"),
            assigned: try row.assignedRoles(),
            attributes: try JSONValue(parsing: try row.text("attributes")).object ?? [:],
            mustChangePassword: try row.bool("must_change_password"), mustEnrol: try row.bool("must_enrol"),
            passwordIsShort: try row.bool("password_short"), hasFactor: try row.int("factors") > 0,
            passwordExpiresAt: try row.optionalInt("password_expires_at"), sessionEpoch: try row.int("session_epoch"),
            createdAt: try row.int("created_at"), updatedAt: try row.int("updated_at"))
        return Credentials(user: user, passwordHash: try row.optionalText("password_hash").flatMap(PasswordHash.init))
    }
}
