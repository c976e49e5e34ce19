import Database
import JOSE
import Sealing
import StrictJSON

/// The keys that sign statements as they stand in SQL: the private part sealed, bound to its key id.
struct StatementKeyRecords: Sendable {
    struct Stored: Sendable {
        let times: StatementKeyTimes
        let sealed: [UInt8]
        let publicJWK: JWK
        /// The state of which an event has told.
        let told: StatementKeyState
    }

    /// A key that is not written yet.
    struct Made: Sendable {
        let key: SigningKey
        let sealed: [UInt8]
    }

    let database: any Database
    let sealer: Sealer

    func make() throws -> Made {
        let key = try SigningKey.generate(.ES256)
        return Made(
            key: key, sealed: try sealer.seal(try key.pkcs8DER(), context: StatementKeyRecords.context(key.keyID)))
    }

    func open(_ stored: Stored) throws -> SigningKey {
        let keyID = stored.times.keyID
        let der = try sealer.open(stored.sealed, context: StatementKeyRecords.context(keyID))
        return try SigningKey(pkcs8DER: der, algorithm: .ES256, keyID: keyID)
    }

    func all() async throws -> [Stored] {
        try await database.read { try StatementKeyRecords.all($0) }
    }

    /// In the order in which they sign.
    static func all(_ connection: any SQLConnection) throws -> [Stored] {
        try connection.query("SELECT * FROM statement_keys ORDER BY activates_at, kid").map { row in
            Stored(
                times: StatementKeyTimes(
                    keyID: try row.text("kid"), announcedAt: try row.int("created_at"),
                    activatesAt: try row.int("activates_at"), revokedAt: try row.optionalInt("revoked_at")),
                sealed: try row.blob("sealed"),
                publicJWK: try JWK(json: try JSONValue(parsing: try row.text("public_jwk"))),
                told: StatementKeyState(rawValue: try row.text("told")) ?? .announced)
        }
    }

    static func insert(_ made: Made, _ times: StatementKeyTimes, _ connection: any SQLConnection) throws {
        try connection.execute(
            """
            INSERT INTO statement_keys (kid, sealed, public_jwk, created_at, activates_at, told)
            VALUES (?, ?, ?, ?, ?, ?)
            """,
            [
                .text(times.keyID), .blob(made.sealed), .text(made.key.publicJWK.json().encodedString()),
                .int(times.announcedAt), .int(times.activatesAt), .text(StatementKeyState.announced.rawValue),
            ])
    }

    /// - Returns: false when there is no such key or it was revoked before.
    static func revoke(_ keyID: String, at: Int64, _ connection: any SQLConnection) throws -> Bool {
        try connection.execute(
            "UPDATE statement_keys SET revoked_at = ? WHERE kid = ? AND revoked_at IS NULL", [.int(at), .text(keyID)])
            == 1
    }

    /// Notes that an event tells of the state.
    static func tell(_ state: StatementKeyState, of keyID: String, _ connection: any SQLConnection) throws {
        try connection.execute(
            "UPDATE statement_keys SET told = ? WHERE kid = ?", [.text(state.rawValue), .text(keyID)])
    }

    static func delete(_ keyID: String, _ connection: any SQLConnection) throws {
        try connection.execute("DELETE FROM statement_keys WHERE kid = ?", [.text(keyID)])
    }

    /// What a sealed key is bound to.
    @Sendable static func context(_ keyID: String) -> String { "statement-key:\(keyID)" }
}
