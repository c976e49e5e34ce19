import APISecurity
import Contracts
import JOSE
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Verifies access tokens: signature, type and claims by RFC 8725 and RFC 9068, then the revocations known here.
///
/// A token seen before is answered from a bounded cache without waiting; expiry, revocation and the withdrawal of its key
/// are looked at each time. Whether the caller holds the key that a token is bound to is checked by `TokenAuthenticator`.
public final class TokenVerifier: Sendable {
    public struct Options: Sendable {
        /// `iss` of every token.
        public var issuer: String
        /// What `aud` must contain; nil takes any.
        public var audience: String?
        public var algorithms: Set<JWSAlgorithm>
        /// Bytes of a token.
        public var maxBytes: Int
        /// Tokens that the cache holds at most; about 2.5 KB each.
        public var cacheCapacity: Int
        /// Seconds granted to `nbf` and `iat`; `exp` gets none.
        public var leeway: Int64
        /// Seconds from `iat` to `exp` at most: revocations are remembered for that long.
        public var maxLifetime: Int64

        public init(
            issuer: String, audience: String?, algorithms: Set<JWSAlgorithm> = [.RS256, .PS256, .ES256, .EdDSA],
            maxBytes: Int = 8_192, cacheCapacity: Int = 8_192, leeway: Int64 = 5,
            maxLifetime: Int64 = RevocationSet.tokenLifetime / 1000
        ) {
            self.issuer = issuer
            self.audience = audience
            self.algorithms = algorithms
            self.maxBytes = maxBytes
            self.cacheCapacity = cacheCapacity
            self.leeway = leeway
            self.maxLifetime = maxLifetime
        }
    }

    public struct Statistics: Sendable {
        /// Answered from the cache.
        public var hits: UInt64
        public var misses: UInt64
        /// Tokens refused, for whatever reason.
        public var refusals: UInt64
        /// Tokens in the cache.
        public var cached: Int
    }

    public let options: Options
    private let keys: any VerificationKeys
    private let revocations: RevocationSet
    private let clock: @Sendable () -> Int64
    private let cache: VerifiedTokenCache
    private let headers = KnownHeaders()
    private let permissionSets = PermissionSets()
    private let refusals = Atomic<UInt64>(0)

    /// - Parameter clock: milliseconds since the epoch.
    public init(
        _ options: Options, keys: any VerificationKeys, revocations: RevocationSet,
        clock: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() }
    ) {
        self.options = options
        self.keys = keys
        self.revocations = revocations
        self.clock = clock
        cache = VerifiedTokenCache(capacity: options.cacheCapacity, revocations: revocations)
    }

    public var statistics: Statistics {
        let cached = cache.statistics
        return Statistics(
            hits: cached.hits, misses: cached.misses, refusals: refusals.load(ordering: .relaxed), cached: cached.count)
    }

    /// Who the token says its bearer is. Waits only when its key has to be fetched.
    public func verify(_ token: String) async throws(TokenRefusal) -> Identity {
        let now = clock()
        do throws(TokenRefusal) {
            switch find(token, now) {
            case .hit(let identity): return identity
            case .expired: throw .expired
            case .revoked: throw .revoked
            case .miss: return try await examine(token, now)
            }
        } catch {
            refusals.add(1, ordering: .relaxed)
            throw error
        }
    }

    /// The same for a token that was verified before and is still good; nil for any other. Never waits.
    public func verifyCached(_ token: String) -> Identity? {
        if case .hit(let identity) = find(token, clock()) { identity } else { nil }
    }

    private func find(_ token: String, _ now: Int64) -> VerifiedTokenCache.Answer {
        let generation = keys.generation
        return token.utf8.withContiguousStorageIfAvailable {
            cache.find($0, generation: generation, now: now)
        } ?? .miss
    }

    // MARK: - Tokens not seen before

    private func examine(_ token: String, _ now: Int64) async throws(TokenRefusal) -> Identity {
        guard token.utf8.count <= options.maxBytes else { throw .tooLarge }
        let bytes = Array(token.utf8)
        guard let dot = bytes.withUnsafeBufferPointer({ TokenVerifier.dot(in: $0, from: 0) }) else {
            throw .malformed("three parts")
        }
        // Read before the key is, so that a key that is withdrawn meanwhile does not count as current.
        let generation = keys.generation
        if let header = bytes.withUnsafeBufferPointer({
            headers.find(UnsafeBufferPointer(rebasing: $0[..<dot]), generation: generation)
        }) {
            let payload = try verifiedPayload(bytes, after: dot, header.key)
            return try admit(bytes, payload, keyID: header.keyID, generation, now)
        }
        let jws: CompactJWS
        do { jws = try CompactJWS(parsing: bytes, maxBytes: options.maxBytes) } catch { throw TokenRefusal(error) }
        let (keyID, key) = try await key(for: jws.header)
        do { try jws.verify(with: key) } catch { throw TokenRefusal(error) }
        headers.insert(
            Array(bytes[..<dot]), KnownHeaders.Header(keyID: keyID, key: key, generation: generation))
        return try admit(bytes, jws.payload, keyID: keyID, generation, now)
    }

    /// Checks the header and finds the key that it names. The id is compared with those of the issuer's keys, and used
    /// for nothing else; keys and addresses of keys that a header offers are not looked at.
    private func key(for header: JWTHeader) async throws(TokenRefusal) -> (String, VerificationKey) {
        guard options.algorithms.contains(header.algorithm) else { throw .unsupportedAlgorithm }
        guard let type = header.type, TokenVerifier.isAccessToken(type) else { throw .wrongType }
        guard let keyID = header.keyID, !keyID.isEmpty else { throw .unknownKey }
        if let key = keys.keyAtHand(keyID, algorithm: header.algorithm) { return (keyID, key) }
        let fetched: VerificationKey?
        do { fetched = try await keys.key(keyID, algorithm: header.algorithm) } catch { throw .keysUnavailable }
        guard let fetched else { throw .unknownKey }
        return (keyID, fetched)
    }

    /// RFC 9068 section 4: `at+jwt`, as a media type with or without `application/`, in any case.
    private static func isAccessToken(_ type: String) -> Bool {
        let lower = type.lowercased()
        return lower == "at+jwt" || lower == "application/at+jwt"
    }

    /// The payload of a token whose header is known to be good, when its signature is.
    private func verifiedPayload(
        _ bytes: [UInt8], after first: Int, _ key: VerificationKey
    ) throws(TokenRefusal) -> [UInt8] {
        let outcome = bytes.withUnsafeBufferPointer { buffer -> Result<[UInt8], TokenRefusal> in
            guard let second = TokenVerifier.dot(in: buffer, from: first + 1) else {
                return .failure(.malformed("three parts"))
            }
            // A further dot is outside of the alphabet.
            guard let signature = Base64URL.decode(UnsafeBufferPointer(rebasing: buffer[(second + 1)...])),
                !signature.isEmpty,
                let payload = Base64URL.decode(UnsafeBufferPointer(rebasing: buffer[(first + 1)..<second]))
            else { return .failure(.malformed("base64url")) }
            guard key.isValid(signature: signature, for: UnsafeBufferPointer(rebasing: buffer[..<second])) else {
                return .failure(.invalidSignature)
            }
            return .success(payload)
        }
        return try outcome.get()
    }

    private static func dot(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        guard start < bytes.count, let base = bytes.baseAddress,
            let found = memchr(base + start, Int32(UInt8(ascii: ".")), bytes.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }

    private func admit(
        _ bytes: [UInt8], _ payload: [UInt8], keyID: String, _ generation: UInt64, _ now: Int64
    ) throws(TokenRefusal) -> Identity {
        let identity = try AccessTokenClaims.identity(
            from: payload, keyID: keyID, options: options, permissionSets: permissionSets, now: now)
        let version = revocations.version
        let isRevoked = revocations.isRevoked(identity)
        cache.insert(
            bytes, identity,
            VerifiedTokenCache.Knowledge(keyGeneration: generation, revocationVersion: version), isRevoked: isRevoked)
        if isRevoked { throw .revoked }
        return identity
    }
}
