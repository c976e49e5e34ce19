import Contracts
import Database
import EventBus
import JOSE
import SecurityClient
import StrictJSON

/// Service accounts in SQL; every change with its event in the same transaction.
struct ServiceAccountStore: Sendable {
    let database: any Database
    let outbox: SQLOutbox
    let revocations: Revocations
    let catalogue: RoleBook

    func create(
        clientID: String, name: String, roles: [String], permissions: [String], keys: JWKSet?, secret digest: [UInt8]?,
        _ act: Act
    ) async throws -> ServiceAccount {
        // This service's own name, under which it asks others.
        guard clientID != OwnToken.name else { throw PeopleFault.clientIDTaken }
        let id = "svc_" + RandomID.make(bytes: 16)
        do {
            let account = try await database.change { connection in
                try check(roles, permissions, added: roles, catalogue.catalogue(connection))
                try connection.execute(
                    """
                    INSERT INTO service_accounts (id, client_id, name, status, roles, permissions, jwks,
                        tokens_void_before, created_at, updated_at)
                    VALUES (?, ?, ?, 'active', ?, ?, ?, 0, ?, ?)
                    """,
                    [
                        .text(id), .text(clientID), .text(name), .strings(roles), .strings(permissions),
                        .text((keys ?? JWKSet(keys: [])).json().encodedString()), .int(act.at), .int(act.at),
                    ])
                if let digest { _ = try insertSecret(id, digest, act, connection) }
                let event = act.event(
                    .serviceAccountCreated, subject: clientID,
                    fields: [
                        "roles": .array(roles.map(JSONValue.string)),
                        "permissions": .array(permissions.map(JSONValue.string)),
                    ])
                try outbox.append(event.outboxEvent(), connection)
                return try ServiceAccountRows.require(id, connection)
            }
            revocations.nudge()
            return account
        } catch let error as DatabaseError where error.isUniqueViolation {
            throw PeopleFault.clientIDTaken
        }
    }

    func account(_ id: String) async throws -> ServiceAccount {
        try await database.inspect { try ServiceAccountRows.require(id, $0) }
    }

    func exists(clientID: String) async throws -> Bool {
        try await !database.query("SELECT 1 AS one FROM service_accounts WHERE client_id = ?", [.text(clientID)])
            .isEmpty
    }

    func list(after cursor: String?, limit: Int) async throws -> (accounts: [ServiceAccount], next: String?) {
        try await database.inspect { connection in
            let rows = try connection.query(
                "SELECT * FROM service_accounts WHERE client_id > ? ORDER BY client_id LIMIT ?",
                [.text(cursor ?? ""), .int(Int64(limit) + 1)])
            let accounts = try rows.prefix(limit).map { try ServiceAccountRows.account($0, connection) }
            return (accounts, rows.count > limit ? accounts.last?.clientID : nil)
        }
    }

    /// Changes name, roles and permissions; nil leaves as it is. What is taken away voids the tokens issued so far.
    func update(
        _ id: String, name: String?, roles: [String]?, permissions: [String]?, _ act: Act
    ) async throws -> ServiceAccount {
        return try await changing(id) { old, connection in
            let catalogue = try catalogue.catalogue(connection)
            let added = Set(roles ?? []).subtracting(old.roles).sorted()
            try check(roles ?? [], permissions ?? [], added: added, catalogue)
            let (newRoles, newPermissions) = (roles ?? old.roles, permissions ?? old.permissions)
            try connection.execute(
                "UPDATE service_accounts SET name = ?, roles = ?, permissions = ?, updated_at = ? WHERE id = ?",
                [
                    .text(name ?? old.name), .strings(newRoles), .strings(newPermissions), .int(act.at), .text(id),
                ])
            let event = act.event(
                .serviceAccountChanged, subject: old.clientID,
                fields: [
                    "roles": .array(newRoles.map(JSONValue.string)),
                    "permissions": .array(newPermissions.map(JSONValue.string)),
                ])
            try outbox.append(event.outboxEvent(), connection)
            let held = Set(catalogue.permissions(of: old.roles) + old.permissions)
            guard !held.isSubset(of: catalogue.permissions(of: newRoles) + newPermissions) else { return nil }
            return try void(old, .claimsChanged, "roles_removed", act, connection)
        }
    }

    func setStatus(_ id: String, to status: ServiceAccount.Status, _ act: Act) async throws -> ServiceAccount {
        try await changing(id) { old, connection in
            guard old.status != status else { return nil }
            try connection.execute(
                "UPDATE service_accounts SET status = ?, updated_at = ? WHERE id = ?",
                [.text(status.rawValue), .int(act.at), .text(id)])
            let event =
                status == .disabled
                ? act.event(.serviceAccountDisabled, subject: old.clientID)
                : act.event(.serviceAccountChanged, subject: old.clientID, reason: "enabled")
            try outbox.append(event.outboxEvent(), connection)
            guard status == .disabled else { return nil }
            return try void(old, .sessionsEnded, "disabled", act, connection)
        }
    }

    func setKeys(_ id: String, _ keys: JWKSet, _ act: Act) async throws -> ServiceAccount {
        try await changing(id) { old, connection in
            try connection.execute(
                "UPDATE service_accounts SET jwks = ?, updated_at = ? WHERE id = ?",
                [.text(keys.json().encodedString()), .int(act.at), .text(id)])
            let event = act.event(
                .serviceAccountChanged, subject: old.clientID, reason: "jwks",
                fields: ["keys": .array(keys.keys.map { .string($0.thumbprint()) })])
            try outbox.append(event.outboxEvent(), connection)
            return nil
        }
    }

    func addSecret(_ id: String, _ digest: [UInt8], _ act: Act) async throws -> ServiceAccountSecret {
        let secret = try await database.change { connection in
            let old = try ServiceAccountRows.require(id, connection, lock: true)
            guard old.secrets.count < ClientSecret.maximum else { throw PeopleFault.tooManySecrets }
            let secret = try insertSecret(id, digest, act, connection)
            let event = act.event(
                .serviceAccountSecretAdded, subject: old.clientID, fields: ["secret": .string(secret.id)])
            try outbox.append(event.outboxEvent(), connection)
            return secret
        }
        revocations.nudge()
        return secret
    }

    /// Takes a secret back. The tokens that it obtained live on for their 15 minutes unless the account is disabled.
    func removeSecret(_ secret: String, of id: String, _ act: Act) async throws {
        _ = try await changing(id) { old, connection in
            let removed = try connection.execute(
                "DELETE FROM service_account_secrets WHERE id = ? AND account_id = ?", [.text(secret), .text(id)])
            guard removed == 1 else { throw PeopleFault.notFound }
            let event = act.event(
                .serviceAccountSecretRemoved, subject: old.clientID, fields: ["secret": .string(secret)])
            try outbox.append(event.outboxEvent(), connection)
            return nil
        }
    }

    private func changing(
        _ id: String,
        _ body: @escaping @Sendable (ServiceAccount, any SQLConnection) throws -> PendingRevocation?
    ) async throws -> ServiceAccount {
        let (account, pending) = try await database.change { connection -> (ServiceAccount, PendingRevocation?) in
            let pending = try body(try ServiceAccountRows.require(id, connection, lock: true), connection)
            return (try ServiceAccountRows.require(id, connection), pending)
        }
        if let pending { await revocations.announce(pending) }
        revocations.nudge()
        return account
    }

    private func void(
        _ account: ServiceAccount, _ kind: Revocation.SubjectEffect, _ reason: String, _ act: Act,
        _ connection: any SQLConnection
    ) throws -> PendingRevocation {
        try revocations.revokeSubject(
            account.clientID, kind: kind, reason: reason, by: act.actor, at: act.at, connection)
    }

    private func insertSecret(
        _ account: String, _ digest: [UInt8], _ act: Act, _ connection: any SQLConnection
    ) throws -> ServiceAccountSecret {
        let secret = ServiceAccountSecret(id: "sec_" + RandomID.make(bytes: 12), digest: digest, createdAt: act.at)
        try connection.execute(
            "INSERT INTO service_account_secrets (id, account_id, digest, created_at) VALUES (?, ?, ?, ?)",
            [.text(secret.id), .text(account), .blob(digest), .int(act.at)])
        return secret
    }

    private func check(
        _ roles: [String], _ permissions: [String], added: [String], _ catalogue: RoleCatalogue
    ) throws(PeopleFault) {
        try catalogue.checkAccount(roles, added: added, assigned: [])
        if let stranger = permissions.first(where: { !catalogue.knows(permission: $0) }) {
            throw .unknownPermission(stranger)
        }
    }
}

/// How rows become a service account.
enum ServiceAccountRows {
    /// The account, when there is one, and the number of the catalogue that holds for it.
    static func account(
        clientID: String, _ connection: any SQLConnection
    ) throws -> (account: ServiceAccount?, catalogue: Int64) {
        let rows = try connection.query(
            "SELECT s.*, \(RoleFollow.catalogueSequence) AS catalogue_sequence FROM service_accounts s WHERE client_id = ?",
            [.text(clientID)])
        guard let row = rows.first else { return (nil, RoleBook.unheard) }
        return (try account(row, connection), try row.int("catalogue_sequence"))
    }

    static func require(_ id: String, _ connection: any SQLConnection, lock: Bool = false) throws -> ServiceAccount {
        let suffix = lock ? connection.dialect.forUpdate : ""
        guard
            let row = try connection.query("SELECT * FROM service_accounts WHERE id = ?" + suffix, [.text(id)]).first
        else { throw PeopleFault.notFound }
        return try account(row, connection)
    }

    static func account(_ row: SQLRow, _ connection: any SQLConnection) throws -> ServiceAccount {
        let id = try row.text("id")
        let secrets = try connection.query(
            "SELECT id, digest, created_at FROM service_account_secrets WHERE account_id = ? ORDER BY created_at, id",
            [.text(id)])
        return ServiceAccount(
            id: id, clientID: try row.text("client_id"), name: try row.text("name"),
            status: ServiceAccount.Status(rawValue: try row.text("status")) ?? .disabled,
            roles: try row.strings("roles"), permissions: try row.strings("permissions"),
            keys: try JWKSet(json: try JSONValue(parsing: try row.text("jwks"))).keys,
            secrets: try secrets.map {
                ServiceAccountSecret(
                    id: try $0.text("id"), digest: try $0.blob("digest"), createdAt: try $0.int("created_at"))
            },
            tokensVoidBefore: try row.int("tokens_void_before"), createdAt: try row.int("created_at"))
    }
}
