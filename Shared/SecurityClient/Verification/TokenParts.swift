import JOSE

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A token in compact serialisation (RFC 7515 section 7.1) whose header needs no decoding, as it is known. Its parts lie
/// in the token and in memory that the caller keeps for them.
struct TokenParts {
    /// Header and payload as they came, with the dot.
    let signingInput: UnsafeRawBufferPointer
    let payload: UnsafeRawBufferPointer
    let signature: UnsafeRawBufferPointer

    /// Bytes of memory that a token of so many needs.
    static func room(_ count: Int) -> Int { Base64URL.roomToDecode(count) + 4 }

    /// - Parameters:
    ///   - first: where the dot after the header is.
    ///   - room: as many bytes as `room` says, for payload and signature.
    static func parsing(
        _ token: UnsafeRawBufferPointer, after first: Int, into room: UnsafeMutableRawBufferPointer
    ) -> Result<TokenParts, TokenRefusal> {
        guard let second = dot(in: token, from: first + 1) else { return .failure(.malformed("three parts")) }
        // A further dot is outside of the alphabet.
        let payload = UnsafeRawBufferPointer(rebasing: token[(first + 1)..<second])
        let signature = UnsafeRawBufferPointer(rebasing: token[(second + 1)...])
        guard let payloadCount = Base64URL.decode(payload, into: room) else {
            return .failure(.malformed("base64url"))
        }
        let rest = UnsafeMutableRawBufferPointer(rebasing: room[payloadCount...])
        guard let signatureCount = Base64URL.decode(signature, into: rest), signatureCount > 0 else {
            return .failure(.malformed("base64url"))
        }
        return .success(
            TokenParts(
                signingInput: UnsafeRawBufferPointer(rebasing: token[..<second]),
                payload: UnsafeRawBufferPointer(rebasing: room[..<payloadCount]),
                signature: UnsafeRawBufferPointer(rebasing: rest[..<signatureCount])))
    }

    static func dot(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard start < bytes.count, let base = bytes.baseAddress,
            let found = memchr(base + start, Int32(UInt8(ascii: ".")), bytes.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }
}
