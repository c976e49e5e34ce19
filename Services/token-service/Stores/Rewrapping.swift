import Database
import Logging
import Sealing

/// Brings what is sealed in SQL under the key that seals now, while the service works.
///
/// Everything sealed is opened and re-wrapped by its data key alone; the secrets themselves stay encrypted.
struct Rewrapping: Sendable {
    /// A column of sealed values: where it stands, and the context to which a row's value is bound.
    private struct Column: Sendable {
        let table: String
        let key: String
        let column: String
        let context: @Sendable (String) -> String
    }

    private static let columns = [
        Column(table: "signing_keys", key: "kid", column: "sealed", context: KeyStore.context),
        Column(table: "totp_factors", key: "user_id", column: "secret", context: FactorStore.context),
        Column(table: "totp_pending", key: "user_id", column: "secret", context: FactorStore.context),
    ]
    private static let batch = 200

    let database: any Database
    let sealer: Sealer
    let keyFile: String
    let logger: Logger

    /// Takes over a changed key file, then re-wraps what is not under its primary key.
    /// - Returns: how many values were re-wrapped.
    @discardableResult
    func run() async throws -> Int {
        sealer.use(try KeyEncryptionKeyRing.load(fromFile: keyFile, createIfMissing: false))
        var total = 0
        for column in Rewrapping.columns { total += try await rewrap(column) }
        if total > 0 { logger.notice("sealed values are under the present key", metadata: ["values": "\(total)"]) }
        return total
    }

    /// How many values are under each key.
    func census() async throws -> [String: Int] {
        var counts: [String: Int] = [:]
        for column in Rewrapping.columns {
            let rows = try await database.query("SELECT \(column.column) AS value FROM \(column.table)")
            for row in rows { counts[Sealer.keyID(of: try row.blob("value")) ?? "unreadable", default: 0] += 1 }
        }
        return counts
    }

    private func rewrap(_ column: Column) async throws -> Int {
        var last = ""
        var total = 0
        while true {
            let rows = try await database.query(
                """
                SELECT \(column.key) AS id, \(column.column) AS value FROM \(column.table)
                WHERE \(column.key) > ? ORDER BY \(column.key) LIMIT \(Rewrapping.batch)
                """, [.text(last)])
            for row in rows {
                let id = try row.text("id")
                let old = try row.blob("value")
                last = id
                guard sealer.needsRewrap(old) else { continue }
                let new = try sealer.rewrap(old, context: column.context(id))
                // Whoever changed the value in between has sealed it anew already.
                total += try await database.execute(
                    "UPDATE \(column.table) SET \(column.column) = ? WHERE \(column.key) = ? AND \(column.column) = ?",
                    [.blob(new), .text(id), .blob(old)])
            }
            if rows.count < Rewrapping.batch { return total }
        }
    }
}
