import Foundation
import JOSE

/// The keys that were fetched last, in a file of this process: for a start while the issuer is away.
struct KeptJWKS: Sendable {
    let path: String

    /// nil when there are none, or what is there cannot be read: it is fetched then.
    func read(_ limits: RemoteJWKS.Options) -> [JWK]? {
        guard let data = FileManager.default.contents(atPath: path), data.count <= limits.maxBytes,
            let set = try? JWKSet(parsing: [UInt8](data)), !set.keys.isEmpty, set.keys.count <= limits.maxKeys
        else { return nil }
        return set.keys
    }

    func write(_ keys: [JWK]) throws {
        try PrivateFile.write(Data(JWKSet(keys: keys).json().encoded()), to: path)
    }
}
