import APISecurity
import ServiceKit
import StrictJSON

/// Claims as issuers write them, without building JSON values of them.
extension AccessTokenClaims {
    /// Nil for whatever is not in the plain form, has a claim that is not known here, one twice, or one that is to be
    /// refused: all that is left to `init(parsing:)`.
    init?(plain payload: UnsafeRawBufferPointer, _ options: TokenVerifier.Options, _ shared: SharedClaims) {
        // An element takes three bytes or more, so that there cannot be too many.
        guard payload.count <= min(options.maxBytes, 3 * AccessTokenClaims.limits.maxMembers) else { return nil }
        self.init(options)
        var reader = PlainJSONReader(payload)
        var seen: UInt32 = 0
        guard reader.skip("{") else { return nil }
        repeat {
            guard let name = reader.string(), let claim = Claim(name: name), reader.skip(":") else { return nil }
            let mark: UInt32 = 1 << UInt32(claim.rawValue)
            guard seen & mark == 0, read(claim, &reader, shared) else { return nil }
            seen |= mark
        } while reader.skip(",")
        guard reader.skip("}"), reader.isAtEnd else { return nil }
    }

    private mutating func read(_ claim: Claim, _ reader: inout PlainJSONReader, _ shared: SharedClaims) -> Bool {
        switch claim {
        case .issuer:
            guard let issuer = reader.string() else { return false }
            isOfIssuer = issuer.sameBytes(as: options.issuer)
            return true
        case .subject: return put(reader.text(), in: &identity.subject)
        case .audience: return put(audience(&reader), in: &audience)
        case .expiry: return put(date(&reader), in: &expiresAt)
        case .issuedAt: return put(date(&reader), in: &issuedAt)
        case .notBefore: return put(date(&reader), in: &notBefore)
        case .issuedAtMilliseconds: return put(reader.number(), in: &issuedAtMilliseconds)
        case .tokenID: return put(reader.text(), in: &identity.tokenID)
        case .clientID: return put(reader.text(), in: &identity.clientID)
        case .scope: return put(reader.text(), in: &identity.scope)
        case .authTime: return put(date(&reader), in: &identity.authTime)
        case .methods: return put(shared.methods.read(&reader) { $0.texts() }, in: &identity.amr)
        case .context: return put(reader.text(), in: &identity.acr)
        case .sessionID: return put(reader.text(), in: &identity.sessionID)
        case .deviceID: return put(reader.text(), in: &identity.deviceID)
        case .roles: return put(shared.roles.read(&reader) { $0.texts() }, in: &identity.roles)
        case .scopedRoles: return put(scopedRoles(&reader), in: &identity.scopedRoles)
        case .permissions:
            return put(shared.permissions.read(&reader) { $0.texts().map { Set($0) } }, in: &identity.permissions)
        case .email: return put(reader.text().map { Sensitive($0) }, in: &identity.email)
        case .confirmation: return put(confirmation(&reader), in: &identity.confirmation)
        }
    }

    private func date(_ reader: inout PlainJSONReader) -> Int64? {
        guard let seconds = reader.number(), AccessTokenClaims.dates.contains(seconds) else { return nil }
        return seconds
    }

    private func audience(_ reader: inout PlainJSONReader) -> Audience? {
        if let one = reader.string() { return isWanted(one) ? .wanted : .other }
        guard reader.skip("[") else { return nil }
        var audience = Audience.other
        repeat {
            guard let one = reader.string() else { return nil }
            if isWanted(one) { audience = .wanted }
        } while reader.skip(",")
        return reader.skip("]") ? audience : nil
    }

    private func isWanted(_ audience: UnsafeRawBufferPointer) -> Bool {
        guard let wanted = options.audience else { return true }
        return audience.sameBytes(as: wanted)
    }

    private func scopedRoles(_ reader: inout PlainJSONReader) -> [ScopedRole]? {
        guard reader.skip("[") else { return nil }
        var roles: [ScopedRole] = []
        repeat {
            guard reader.skip("{"), reader.member("role"), let role = reader.text(), reader.skip(","),
                reader.member("type"), let type = reader.text(), reader.skip(","),
                reader.member("id"), let id = reader.text(), reader.skip("}")
            else { return nil }
            roles.append(ScopedRole(role: role, type: type, id: id))
        } while reader.skip(",")
        return reader.skip("]") ? roles : nil
    }

    private func confirmation(_ reader: inout PlainJSONReader) -> Identity.Confirmation? {
        guard reader.skip("{"), let method = reader.string(), reader.skip(":"), let thumbprint = reader.string(),
            reader.skip("}"), thumbprint.count == 43
        else { return nil }
        if method.sameBytes(as: "x5t#S256") { return .certificate(String(decoding: thumbprint, as: UTF8.self)) }
        return method.sameBytes(as: "jkt") ? .dpop(String(decoding: thumbprint, as: UTF8.self)) : nil
    }
}

extension PlainJSONReader {
    /// The name of a member and its colon.
    fileprivate mutating func member(_ name: StaticString) -> Bool {
        guard let found = string(), found.sameBytes(as: name) else { return false }
        return skip(":")
    }
}
