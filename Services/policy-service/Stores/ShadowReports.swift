import Database
import SecurityClient
import StrictJSON

/// What each process that decides found last about the shadow set, in SQL: each replica can tell of all of them.
struct ShadowReports: Sendable {
    /// Those that report; one more is not taken.
    static let maximumReporters: Int64 = 10_000
    /// How long (milliseconds) the report of a process counts that is not heard any more: its findings stay true.
    static let retention: Int64 = 7 * 86_400_000

    let database: any Database

    /// - Returns: false when there are too many that report.
    @discardableResult
    func put(_ report: ShadowReport, by reporter: String, at: Int64) async throws(DatabaseError) -> Bool {
        try await database.write { connection in
            // One that was restarted reports under another name: what it found before stays beside what it finds now. Those of
            // other pairs are passed over when they are read, and leave by their age alone: this replica may be behind.
            try connection.execute(
                "DELETE FROM shadow_reports WHERE at < ?", [.int(at - ShadowReports.retention)])
            let others = try connection.query(
                "SELECT COUNT(*) AS count FROM shadow_reports WHERE reporter <> ?", [.text(reporter)])
            guard try others.first?.int("count") ?? 0 < ShadowReports.maximumReporters else { return false }
            try connection.execute(
                """
                INSERT INTO shadow_reports (reporter, active_sequence, shadow_version, document, at)
                VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (reporter) DO UPDATE SET active_sequence = excluded.active_sequence,
                    shadow_version = excluded.shadow_version, document = excluded.document, at = excluded.at
                """,
                [
                    .text(reporter), .int(report.pair.activeSequence), .int(report.pair.shadowVersion),
                    .text(report.json.encodedString()), .int(at),
                ])
            return true
        }
    }

    /// What all found about a pair, with how many decisions each of them compared.
    func all(of pair: ShadowReport.Pair) async throws(DatabaseError) -> [(reporter: String, report: ShadowReport)] {
        try await database.read { connection in
            let rows = try connection.query(
                """
                SELECT reporter, document FROM shadow_reports WHERE active_sequence = ? AND shadow_version = ?
                ORDER BY reporter
                """, [.int(pair.activeSequence), .int(pair.shadowVersion)])
            return try rows.compactMap { row in
                guard
                    let report = ShadowReport(
                        json: try JSONValue(
                            parsing: try row.text("document"),
                            limits: JSONLimits(maxBytes: ShadowReport.maximumBytes, maxDepth: 8)))
                else { return nil }
                return (try row.text("reporter"), report)
            }
        }
    }
}
