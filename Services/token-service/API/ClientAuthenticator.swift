import APISecurity
import Contracts
import Database
import EventBus
import HTTPTypes
import JOSE
import Redis
import StrictJSON
import Synchronization

/// Authenticates OAuth clients: `client_secret_basic`, `client_secret_post` (RFC 6749 section 2.3.1) and
/// `private_key_jwt` (RFC 7523).
struct ClientAuthenticator: Sendable {
    let database: any Database
    let redis: RedisClient
    let outbox: RedisOutbox
    let catalogue: RoleBook
    let clock: @Sendable () -> Int64
    private let cache = AccountCache()

    init(
        database: any Database, redis: RedisClient, outbox: RedisOutbox, catalogue: RoleBook,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.database = database
        self.redis = redis
        self.outbox = outbox
        self.catalogue = catalogue
        self.clock = clock
    }

    /// Whether a request tries to authenticate its client.
    func hasCredentials(form: FormFields, headers: HTTPFields) -> Bool {
        form["client_secret"] != nil || form["client_assertion"] != nil
            || headers[.authorization].map(ClientCredentials.isBasicScheme) ?? false
    }

    /// - Parameters:
    ///   - audience: what an assertion may name as its audience.
    ///   - address: of the caller, for the record and for counting refusals; asked for only then.
    ///   - allowingCached: an account read up to a second ago will do. For introspection, which asks often and gives
    ///     nothing away that outlives the account; never for issuing tokens.
    func authenticate(
        form: FormFields, headers: HTTPFields, audience: [String], address: @autoclosure () -> String,
        allowingCached: Bool = false
    ) async throws(OAuthError) -> ServiceAccount {
        let credentials: ClientCredentials
        do {
            credentials = try ClientCredentials.read(authorization: headers[.authorization]) { form[$0] }
        } catch {
            switch error {
            case .ambiguous: throw .invalidRequest("one way of client authentication is taken")
            case .malformed: throw .invalidRequest("the client authentication is malformed")
            case .missing: throw .invalidClient
            }
        }
        return try await authenticate(
            credentials, audience: audience, address: address(), allowingCached: allowingCached)
    }

    func authenticate(
        _ credentials: ClientCredentials, audience: [String], address: @autoclosure () -> String,
        allowingCached: Bool = false
    ) async throws(OAuthError) -> ServiceAccount {
        switch credentials {
        case .secret(let clientID, let secret):
            return try await authenticate(clientID, secret: secret, address(), allowingCached: allowingCached)
        case .assertion(let text, let clientID):
            return try await authenticate(
                assertion: text, named: clientID, audience, address(), allowingCached: allowingCached)
        }
    }

    private func authenticate(
        _ clientID: String, secret: String, _ address: @autoclosure () -> String, allowingCached: Bool
    ) async throws(OAuthError) -> ServiceAccount {
        let account = try await account(clientID, allowingCached: allowingCached)
        let matches = ClientAuthenticator.accepts(secret, account)
        guard let account, matches, account.status == .active else {
            return try await refuse(account, address(), reason: matches ? "disabled" : "client_secret")
        }
        return account
    }

    /// Whether the secret is one of the account's.
    private static func accepts(_ secret: String, _ account: ServiceAccount?) -> Bool {
        let digest = ClientSecret.digest(secret)
        // Unknown clients are compared too, and every secret of a known one.
        let stored = account?.secrets.map(\.digest) ?? [[UInt8](repeating: 0, count: digest.count)]
        var matches = false
        for candidate in stored where constantTimeEqual(candidate, digest) { matches = true }
        return matches && account != nil
    }

    /// As `authenticate` with `allowingCached`, for hot paths: the account of a client that shows the right secret, when
    /// it was read up to a second ago.
    /// - Returns: nil for `authenticate` to find out, or to refuse and put on record.
    func accountAtHand(form: FormFields, authorization: String?) -> ServiceAccount? {
        guard
            case .secret(let clientID, let secret)? = try? ClientCredentials.read(
                authorization: authorization, parameter: { form[$0] }),
            ClientID.isValid(clientID), let account = cache.account(clientID, now: clock()),
            ClientAuthenticator.accepts(secret, account), account.status == .active
        else { return nil }
        return account
    }

    /// Whether an account has a permission, by itself or by its roles.
    func grants(_ permission: Permission, to account: ServiceAccount) -> Bool {
        account.permissions.contains(permission.rawValue)
            || catalogue.permissions(of: account.roles).contains(permission.rawValue)
    }

    private func authenticate(
        assertion text: String, named: String?, _ audience: [String], _ address: @autoclosure () -> String,
        allowingCached: Bool
    ) async throws(OAuthError) -> ServiceAccount {
        let now = clock() / 1000
        let jws: CompactJWS
        let claims: JWTClaims
        do {
            jws = try CompactJWS(parsing: text, maxBytes: 8_192)
            claims = try JWTClaims(payload: jws.payload)
        } catch { throw .invalidClient }
        // RFC 8725 section 3.11: a token made for something else says so.
        if let type = jws.header.type?.lowercased(), !["jwt", "client-authentication+jwt"].contains(type) {
            throw .invalidClient
        }
        guard let clientID = claims.issuer, named == nil || named == clientID else { throw .invalidClient }
        let account = try await account(clientID, allowingCached: allowingCached)
        let accepted: ClientAssertion.Accepted
        do {
            guard let account, !account.keys.isEmpty else { throw JOSEError.unknownKey }
            try jws.verify(with: JWKSet(keys: account.keys))
            accepted = try ClientAssertion.check(claims, audience: audience, now: now)
        } catch { return try await refuse(account, address(), reason: "client_assertion") }
        guard let account, account.status == .active else {
            return try await refuse(account, address(), reason: "disabled")
        }
        guard try await isFirstUse(accepted, now: now) else {
            return try await refuse(account, address(), reason: "assertion_replayed")
        }
        return account
    }

    /// RFC 7523 section 3 (7): each `jti` of a client counts once, for as long as the assertion would be accepted.
    private func isFirstUse(_ accepted: ClientAssertion.Accepted, now: Int64) async throws(OAuthError) -> Bool {
        let key = "ts:jti:\(RandomID.digest("\(accepted.clientID)\n\(accepted.tokenID)"))"
        let seconds = max(1, accepted.expiresAt - now) + 60
        do {
            let reply = try await redis.send(
                ["SET", .string(key), "1", "NX", "EX", .int(Int(seconds))], key: key)
            return reply != .null
        } catch { throw .temporarilyUnavailable(retryAfter: 1) }
    }

    private func account(_ clientID: String, allowingCached: Bool) async throws(OAuthError) -> ServiceAccount? {
        guard ClientID.isValid(clientID) else { return nil }
        let now = clock()
        if allowingCached, let account = cache.account(clientID, now: now) { return account }
        do {
            let (account, number) = try await database.read { connection in
                try ServiceAccountRows.account(clientID: clientID, connection)
            }
            // Tokens are issued by a catalogue at least as new as the account.
            try await catalogue.catchUp(to: number, on: database)
            if let account { cache.keep(account, now: now) }
            return account
        } catch { throw .temporarilyUnavailable(retryAfter: 1) }
    }

    /// Puts the refusal on record, one event a second for an account, or for an address that names none, and refuses.
    private func refuse(
        _ account: ServiceAccount?, _ address: String, reason: String
    ) async throws(OAuthError) -> ServiceAccount {
        // What was sent as a client id is the caller's to choose: counted by it, everybody could fill the record.
        let counted = RandomID.digest(account?.clientID ?? "address \(AddressPrefix.of(address))")
        let tag = Int(SessionID.tag(of: counted))
        let event = SecurityEvent(
            .clientAuthenticationFailed, outcome: .failure, subject: account?.clientID,
            reason: account == nil ? "unknown_client" : reason, at: clock(),
            fields: ["refusals": .string(AttemptStore.countPlaceholder)], personal: ["address": .string(address)])
        do {
            _ = try await redis.run(
                ClientAuthenticator.recordOnceASecond,
                keys: ["ts:{\(outbox.hashTag(tag))}:refused:\(counted)", outbox.key(tag: tag)],
                arguments: [.string(event.outboxEvent().encoded())])
        } catch { throw .temporarilyUnavailable(retryAfter: 1) }
        throw .invalidClient
    }

    /// KEYS: what was said when, event stream. ARGV: event, `@N@` for how many refusals it tells of.
    private static let recordOnceASecond = RedisScript(
        """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local s = redis.call('HMGET', KEYS[1], 'said', 'more')
        local more = tonumber(s[2] or 0) + 1
        if now - tonumber(s[1] or 0) >= 1000 then
          redis.call('XADD', KEYS[2], '*', 'v', (string.gsub(ARGV[1], '"@N@"', tostring(more))))
          redis.call('HSET', KEYS[1], 'said', now, 'more', 0)
        else
          redis.call('HSET', KEYS[1], 'more', more)
        end
        redis.call('PEXPIRE', KEYS[1], 3600000)
        return 1
        """)
}

/// Accounts read lately: bounded, and for a second.
private final class AccountCache: Sendable {
    private static let life: Int64 = 1_000
    private static let capacity = 1_024
    private let entries = Mutex<[String: (account: ServiceAccount, readAt: Int64)]>([:])

    func account(_ clientID: String, now: Int64) -> ServiceAccount? {
        entries.withLock { entries in
            guard let entry = entries[clientID], (0..<AccountCache.life).contains(now - entry.readAt) else {
                return nil
            }
            return entry.account
        }
    }

    func keep(_ account: ServiceAccount, now: Int64) {
        entries.withLock { entries in
            if entries.count >= AccountCache.capacity { entries.removeAll(keepingCapacity: true) }
            entries[account.clientID] = (account, now)
        }
    }
}
