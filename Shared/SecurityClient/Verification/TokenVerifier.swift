import APISecurity
import Contracts
import JOSE
import Synchronization

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
    private let shared = SharedClaims()
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
        // Read before any key is, so that a key that is withdrawn meanwhile does not count as current.
        let generation = keys.generation
        do throws(TokenRefusal) {
            switch find(token, generation, now) {
            case .hit(let identity): return identity
            case .expired: throw .expired
            case .revoked: throw .revoked
            case .miss: break
            }
            if let outcome = examineQuickly(token, generation, now) { return try outcome.get() }
            return try await examine(token, generation, now)
        } catch {
            refusals.add(1, ordering: .relaxed)
            throw error
        }
    }

    /// The same for a token that was verified before and is still good; nil for any other. Never waits.
    public func verifyCached(_ token: String) -> Identity? {
        if case .hit(let identity) = find(token, keys.generation, clock()) { identity } else { nil }
    }

    private func find(_ token: String, _ generation: UInt64, _ now: Int64) -> VerifiedTokenCache.Answer {
        token.utf8.withContiguousStorageIfAvailable {
            cache.find(UnsafeRawBufferPointer($0), generation: generation, now: now)
        } ?? .miss
    }

    // MARK: - Tokens not seen before

    /// Verifies a token whose header is that of one verified before, without waiting and without copying it; nil for any
    /// other token.
    ///
    /// What it calls has results instead of errors: the closures that lend bytes do not let typed errors through, and Swift
    /// 6.3.1 optimises a check of claims with a typed error so that it leaves its caller to read an error where none is.
    private func examineQuickly(
        _ token: String, _ generation: UInt64, _ now: Int64
    ) -> Result<Identity, TokenRefusal>? {
        guard token.utf8.count <= options.maxBytes else { return .failure(.tooLarge) }
        return token.utf8.withContiguousStorageIfAvailable { buffer -> Result<Identity, TokenRefusal>? in
            let bytes = UnsafeRawBufferPointer(buffer)
            guard let dot = TokenParts.dot(in: bytes, from: 0),
                let header = headers.find(UnsafeRawBufferPointer(rebasing: bytes[..<dot]), generation: generation)
            else { return nil }
            let room = UnsafeMutableRawBufferPointer.allocate(byteCount: TokenParts.room(bytes.count), alignment: 1)
            defer { room.deallocate() }
            switch TokenParts.parsing(bytes, after: dot, into: room) {
            case .failure(let refusal): return .failure(refusal)
            case .success(let parts):
                guard header.key.isValid(signature: parts.signature, for: parts.signingInput) else {
                    return .failure(.invalidSignature)
                }
                return admit(token, bytes, parts.payload, keyID: header.keyID, generation, now)
            }
        } ?? nil
    }

    private func examine(_ token: String, _ generation: UInt64, _ now: Int64) async throws(TokenRefusal) -> Identity {
        let jws: CompactJWS
        do { jws = try CompactJWS(parsing: token, maxBytes: options.maxBytes) } catch { throw TokenRefusal(error) }
        let (keyID, key) = try await key(for: jws.header)
        do { try jws.verify(with: key) } catch { throw TokenRefusal(error) }
        let bytes = Array(token.utf8)
        headers.insert(
            Array(bytes.prefix { $0 != UInt8(ascii: ".") }),
            KnownHeaders.Header(keyID: keyID, key: key, generation: generation))
        let outcome = bytes.withUnsafeBytes { bytes in
            jws.payload.withUnsafeBytes { admit(token, bytes, $0, keyID: keyID, generation, now) }
        }
        return try outcome.get()
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

    /// Takes a token whose signature is good when its claims are.
    private func admit(
        _ token: String, _ bytes: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer, keyID: String,
        _ generation: UInt64, _ now: Int64
    ) -> Result<Identity, TokenRefusal> {
        switch AccessTokenClaims.identity(from: payload, keyID: keyID, options: options, shared: shared, now: now) {
        case .failure(let refusal): return .failure(refusal)
        case .success(let identity):
            let version = revocations.version
            let isRevoked = revocations.isRevoked(identity)
            cache.insert(
                token, bytes, identity,
                VerifiedTokenCache.Knowledge(keyGeneration: generation, revocationVersion: version),
                isRevoked: isRevoked)
            return isRevoked ? .failure(.revoked) : .success(identity)
        }
    }
}
