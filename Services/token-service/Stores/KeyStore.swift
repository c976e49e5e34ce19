import Database
import EventBus
import JOSE
import Sealing
import StrictJSON

/// A signing key as it stands in SQL: the private part sealed, bound to its key id.
struct StoredKey: Sendable {
    let times: KeyTimes
    let algorithm: JWSAlgorithm
    let sealed: [UInt8]
    let publicJWK: JWK
    /// The state of which an event has told.
    let told: KeyState
}

/// The table of signing keys.
struct KeyStore: Sendable {
    let database: any Database
    let sealer: Sealer

    func all() async throws -> [StoredKey] {
        try await database.read { try KeyStore.all($0) }
    }

    static func all(_ connection: any SQLConnection) throws -> [StoredKey] {
        try connection.query("SELECT * FROM signing_keys ORDER BY activates_at, kid", []).map { row in
            let kid = try row.text("kid")
            guard let algorithm = JWSAlgorithm(rawValue: try row.text("algorithm")) else {
                throw DatabaseError.sql("signing key \(kid) has an unknown algorithm")
            }
            return StoredKey(
                times: KeyTimes(
                    keyID: kid, announcedAt: try row.int("announced_at"), activatesAt: try row.int("activates_at"),
                    revokedAt: try row.optionalInt("revoked_at")),
                algorithm: algorithm, sealed: try row.blob("sealed"),
                publicJWK: try JWK(json: try JSONValue(parsing: try row.text("public_jwk"))),
                told: KeyState(rawValue: try row.text("told")) ?? .announced)
        }
    }

    func insert(_ key: SigningKey, _ times: KeyTimes, _ connection: any SQLConnection) throws {
        let sealed = try sealer.seal(try key.pkcs8DER(), context: KeyStore.context(key.keyID))
        try connection.execute(
            """
            INSERT INTO signing_keys (kid, algorithm, sealed, public_jwk, announced_at, activates_at, revoked_at)
            VALUES (?, ?, ?, ?, ?, ?, NULL)
            """,
            [
                .text(key.keyID), .text(key.algorithm.rawValue), .blob(sealed),
                .text(key.publicJWK.json().encodedString()), .int(times.announcedAt), .int(times.activatesAt),
            ])
    }

    /// Marks a key as withdrawn; false when there is no such key or it was withdrawn before.
    func revoke(_ keyID: String, at: Int64, _ connection: any SQLConnection) throws -> Bool {
        try connection.execute(
            "UPDATE signing_keys SET revoked_at = ? WHERE kid = ? AND revoked_at IS NULL", [.int(at), .text(keyID)])
            == 1
    }

    /// Notes that an event tells of the state; false when one did before.
    func tell(_ state: KeyState, of keyID: String, _ connection: any SQLConnection) throws -> Bool {
        try connection.execute(
            "UPDATE signing_keys SET told = ? WHERE kid = ? AND told <> ?",
            [.text(state.rawValue), .text(keyID), .text(state.rawValue)]) == 1
    }

    func delete(_ keyID: String, _ connection: any SQLConnection) throws {
        try connection.execute("DELETE FROM signing_keys WHERE kid = ?", [.text(keyID)])
    }

    func open(_ key: StoredKey) throws -> SigningKey {
        let der = try sealer.open(key.sealed, context: KeyStore.context(key.times.keyID))
        return try SigningKey(pkcs8DER: der, algorithm: key.algorithm, keyID: key.times.keyID)
    }

    /// What a sealed key is bound to.
    @Sendable static func context(_ keyID: String) -> String { "signing-key:\(keyID)" }
}
