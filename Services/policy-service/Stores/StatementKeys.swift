import Contracts
import Database
import EventBus
import Foundation
import JOSE
import Logging
import SecurityClient
import Sealing
import StrictJSON

/// The key that signs what is said of policies and entities: ES256, sealed in SQL, the same for all replicas.
struct StatementKeys: Sendable {
    let signing: SigningKey
    let issuer: String

    /// Opens the key; makes it at the first start.
    static func open(_ platform: Platform) async throws -> StatementKeys {
        let made = try SigningKey.generate(.ES256)
        let sealed = try platform.sealer.seal(try made.pkcs8DER(), context: context(made.keyID))
        let now = platform.clock()
        let stored = try await platform.database.write { connection -> (String, [UInt8]) in
            if let first = try first(connection) { return first }
            try connection.execute(
                "INSERT INTO statement_keys (kid, sealed, public_jwk, created_at) VALUES (?, ?, ?, ?)",
                [
                    .text(made.keyID), .blob(sealed), .text(made.publicJWK.json().encodedString()), .int(now),
                ])
            // Of two replicas that start at once the older key wins.
            return try first(connection) ?? (made.keyID, sealed)
        }
        let der = try platform.sealer.open(stored.1, context: context(stored.0))
        return StatementKeys(
            signing: try SigningKey(pkcs8DER: der, algorithm: .ES256, keyID: stored.0),
            issuer: platform.configuration.issuer)
    }

    private static func first(_ connection: any SQLConnection) throws -> (String, [UInt8])? {
        try connection.query("SELECT kid, sealed FROM statement_keys ORDER BY created_at, kid LIMIT 1").first.map {
            (try $0.text("kid"), try $0.blob("sealed"))
        }
    }

    private static func context(_ keyID: String) -> String { "statement-key:\(keyID)" }

    var publicKeys: JWKSet { JWKSet(keys: [signing.publicJWK]) }

    /// Leaves the public keys where those on this machine can pin them (`POLICY_JWKS_FILE`).
    func publish(to path: String) throws {
        let beside = path + ".new"
        try Data(publicKeys.json().encoded()).write(to: URL(fileURLWithPath: beside))
        guard rename(beside, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }

    func policies(sequence: Int64, version: Int64, digest: String, at: Int64) throws(JOSEError) -> String {
        try PolicyStatement(
            .policies, issuer: issuer, sequence: sequence, version: version, issuedAt: at / 1000, digest: digest
        ).signed(with: signing)
    }

    func entities(sequence: Int64, digest: String, at: Int64) throws(JOSEError) -> String {
        try PolicyStatement(
            .entities, issuer: issuer, sequence: sequence, issuedAt: at / 1000, digest: digest
        ).signed(with: signing)
    }

    func delta(_ delta: EntityDelta, digest: String, at: Int64) throws(JOSEError) -> String {
        try PolicyStatement(
            .delta, issuer: issuer, sequence: delta.sequence, from: delta.from, issuedAt: at / 1000, digest: digest
        ).signed(with: signing)
    }

    /// - Parameter from: what the caller has; nil when the body is the whole.
    func roles(from: Int64?, sequence: Int64, digest: String, at: Int64) throws(JOSEError) -> String {
        try PolicyStatement(
            .roles, issuer: issuer, sequence: sequence, from: from, issuedAt: at / 1000, digest: digest
        ).signed(with: signing)
    }
}
