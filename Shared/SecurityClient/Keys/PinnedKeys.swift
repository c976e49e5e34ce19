import Foundation
import JOSE
import ServiceKit

/// Keys that are trusted because a file says so.
enum PinnedKeys {
    /// - Throws: what is wrong with the file (a JWKS, RFC 7517 section 5).
    static func read(_ path: String) throws -> [JWK] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError(["POLICY_JWKS_FILE: \(path) cannot be read"])
        }
        do {
            return try JWKSet(parsing: [UInt8](data)).keys
        } catch { throw ConfigurationError(["POLICY_JWKS_FILE: \(path): \(error)"]) }
    }
}
