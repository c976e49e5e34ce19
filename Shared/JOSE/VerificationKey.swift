import Crypto
import CryptoExtras
import Foundation

/// A public key, parsed once and bound to one algorithm.
public struct VerificationKey: Sendable {
    private enum Backing: Sendable {
        case rsa(_RSA.Signing.PublicKey)
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
        case ed25519(Curve25519.Signing.PublicKey)
    }

    /// RSA keys are taken between these sizes, in bits: below they are weak, above one verification costs too much.
    static let rsaBits = 2_048...8_192

    public let algorithm: JWSAlgorithm
    public let keyID: String?
    private let backing: Backing

    /// - Parameter algorithm: what the token's header says; nil takes the key's own `alg`. Both must agree where both
    ///   are given (RFC 8725 section 3.1).
    public init(jwk: JWK, algorithm requested: JWSAlgorithm? = nil) throws(JOSEError) {
        if let use = jwk.use, use != "sig" { throw .keyUseRefused("use") }
        if let operations = jwk.keyOperations, !operations.contains("verify") { throw .keyUseRefused("key_ops") }
        guard let algorithm = requested ?? jwk.algorithm ?? jwk.naturalAlgorithm else {
            throw .unsupportedAlgorithm("the key names none")
        }
        if let own = jwk.algorithm, own != algorithm { throw .keyUseRefused("alg") }
        self.algorithm = algorithm
        keyID = jwk.keyID
        switch (jwk.material, algorithm) {
        case (.rsa(let modulus, let exponent), .RS256), (.rsa(let modulus, let exponent), .RS384),
            (.rsa(let modulus, let exponent), .RS512), (.rsa(let modulus, let exponent), .PS256),
            (.rsa(let modulus, let exponent), .PS384), (.rsa(let modulus, let exponent), .PS512):
            let bits = modulus.count * 8 - (modulus.first?.leadingZeroBitCount ?? 0)
            guard VerificationKey.rsaBits.contains(bits) else { throw .weakKey("\(bits) bits of RSA") }
            guard exponent.count <= 4, exponent != [1], (exponent.last ?? 0) & 1 == 1 else {
                throw .weakKey("exponent")
            }
            guard !ROCA.marks(modulus) else { throw .weakKey("RSA modulus from a broken generator (ROCA)") }
            backing = .rsa(try VerificationKey.parse { try _RSA.Signing.PublicKey(n: modulus, e: exponent) })
        case (.ec(.p256, let x, let y), .ES256):
            backing = .p256(try VerificationKey.parse { try P256.Signing.PublicKey(rawRepresentation: x + y) })
        case (.ec(.p384, let x, let y), .ES384):
            backing = .p384(try VerificationKey.parse { try P384.Signing.PublicKey(rawRepresentation: x + y) })
        case (.ec(.p521, let x, let y), .ES512):
            backing = .p521(try VerificationKey.parse { try P521.Signing.PublicKey(rawRepresentation: x + y) })
        case (.ed25519(let x), .EdDSA):
            backing = .ed25519(try VerificationKey.parse { try Curve25519.Signing.PublicKey(rawRepresentation: x) })
        default: throw .keyUseRefused("kty")
        }
    }

    private static func parse<Key>(_ body: () throws -> Key) throws(JOSEError) -> Key {
        do { return try body() } catch { throw .malformed("key material") }
    }

    /// Whether `signature` is this key's over `message`. ECDSA signatures are r and s of fixed length (RFC 7518 section
    /// 3.4).
    public func isValid(signature: [UInt8], for message: some DataProtocol) -> Bool {
        signature.withUnsafeBytes { signature in
            message.withContiguousStorageIfAvailable { isValid(signature: signature, for: UnsafeRawBufferPointer($0)) }
                ?? Array(message).withUnsafeBytes { isValid(signature: signature, for: $0) }
        }
    }

    /// The same without copies.
    package func isValid(signature: UnsafeRawBufferPointer, for message: UnsafeRawBufferPointer) -> Bool {
        switch backing {
        case .rsa(let key):
            let signature = _RSA.Signing.RSASignature(rawRepresentation: signature)
            return switch algorithm {
            case .RS256: key.isValidSignature(signature, for: SHA256.digest(of: message), padding: .insecurePKCS1v1_5)
            case .RS384: key.isValidSignature(signature, for: SHA384.digest(of: message), padding: .insecurePKCS1v1_5)
            case .RS512: key.isValidSignature(signature, for: SHA512.digest(of: message), padding: .insecurePKCS1v1_5)
            case .PS256: key.isValidSignature(signature, for: SHA256.digest(of: message), padding: .PSS)
            case .PS384: key.isValidSignature(signature, for: SHA384.digest(of: message), padding: .PSS)
            case .PS512: key.isValidSignature(signature, for: SHA512.digest(of: message), padding: .PSS)
            default: false
            }
        case .p256(let key):
            guard let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature) else { return false }
            return key.isValidSignature(signature, for: SHA256.digest(of: message))
        case .p384(let key):
            guard let signature = try? P384.Signing.ECDSASignature(rawRepresentation: signature) else { return false }
            return key.isValidSignature(signature, for: SHA384.digest(of: message))
        case .p521(let key):
            guard let signature = try? P521.Signing.ECDSASignature(rawRepresentation: signature) else { return false }
            return key.isValidSignature(signature, for: SHA512.digest(of: message))
        case .ed25519(let key):
            return key.isValidSignature(signature, for: message)
        }
    }
}

extension HashFunction {
    fileprivate static func digest(of message: UnsafeRawBufferPointer) -> Digest {
        var function = Self()
        function.update(bufferPointer: message)
        return function.finalize()
    }
}

extension JWK {
    /// The one algorithm that the key's form allows; nil for RSA, which takes several.
    var naturalAlgorithm: JWSAlgorithm? {
        switch material {
        case .rsa: nil
        case .ec(.p256, _, _): .ES256
        case .ec(.p384, _, _): .ES384
        case .ec(.p521, _, _): .ES512
        case .ed25519: .EdDSA
        }
    }
}
