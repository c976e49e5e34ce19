import JOSE
import Synchronization

/// The keys that an issuer signs with, by id.
public protocol VerificationKeys: Sendable {
    /// Changes whenever a key was withdrawn or replaced. Read for every token.
    var generation: UInt64 { get }

    /// A key that is at hand, without waiting.
    func keyAtHand(_ keyID: String, algorithm: JWSAlgorithm) -> VerificationKey?

    /// A key, fetched if need be; nil when the issuer has none of this id that is for the algorithm.
    func key(_ keyID: String, algorithm: JWSAlgorithm) async throws(KeysUnavailable) -> VerificationKey?
}

/// The keys could not be fetched, so that nothing can be said about the token.
public struct KeysUnavailable: Error, Sendable, Hashable {
    public init() {}
}

/// Keys, parsed once, by id and algorithm. An id that two keys claim is nobody's.
struct KeyTable: Sendable {
    private let keys: [String: [JWSAlgorithm: VerificationKey]]
    /// As they were given, those without an id left out.
    let source: [String: JWK]

    init(_ jwks: [JWK] = []) {
        var source: [String: JWK] = [:]
        var ambiguous: Set<String> = []
        for jwk in jwks {
            guard let id = jwk.keyID, !id.isEmpty else { continue }
            if source.updateValue(jwk, forKey: id) != nil { ambiguous.insert(id) }
        }
        for id in ambiguous { source[id] = nil }
        self.source = source
        keys = source.mapValues { jwk in
            var usable: [JWSAlgorithm: VerificationKey] = [:]
            for algorithm in jwk.algorithm.map({ [$0] }) ?? JWSAlgorithm.allCases {
                usable[algorithm] = try? VerificationKey(jwk: jwk, algorithm: algorithm)
            }
            return usable
        }
    }

    subscript(keyID: String, algorithm: JWSAlgorithm) -> VerificationKey? { keys[keyID]?[algorithm] }

    var count: Int { keys.count }

    /// Whether a key that `newer` does not have, or has otherwise, is among these.
    func loses(to newer: KeyTable) -> Bool {
        source.contains { newer.source[$0.key] != $0.value }
    }
}

/// Keys of this process itself, such as the ring that token-service signs with. Follows every change of them.
public final class LocalJWKS: VerificationKeys {
    private struct State {
        var source: [JWK] = []
        var table = KeyTable()
        var generation: UInt64 = 0
    }

    private let current: @Sendable () -> [JWK]
    private let state = Mutex(State())

    /// - Parameter current: the public keys now; asked for every token, parsed when they have changed.
    public init(_ current: @escaping @Sendable () -> [JWK]) { self.current = current }

    public var generation: UInt64 {
        let keys = current()
        return state.withLock { state in
            LocalJWKS.follow(keys, &state)
            return state.generation
        }
    }

    public func keyAtHand(_ keyID: String, algorithm: JWSAlgorithm) -> VerificationKey? {
        let keys = current()
        return state.withLock { state in
            LocalJWKS.follow(keys, &state)
            return state.table[keyID, algorithm]
        }
    }

    public func key(_ keyID: String, algorithm: JWSAlgorithm) async throws(KeysUnavailable) -> VerificationKey? {
        keyAtHand(keyID, algorithm: algorithm)
    }

    /// Comparing the array with itself costs a comparison of two pointers.
    private static func follow(_ keys: [JWK], _ state: inout State) {
        guard keys != state.source else { return }
        let table = KeyTable(keys)
        if state.table.loses(to: table) { state.generation += 1 }
        state.source = keys
        state.table = table
    }
}
