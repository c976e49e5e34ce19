import Crypto
import CryptoExtras
import Foundation

/// A private key bound to one algorithm.
public struct SigningKey: Sendable {
    private enum Backing: Sendable {
        case rsa(_RSA.Signing.PrivateKey)
        case p256(P256.Signing.PrivateKey)
        case p384(P384.Signing.PrivateKey)
        case p521(P521.Signing.PrivateKey)
        case ed25519(Curve25519.Signing.PrivateKey)
    }

    public let algorithm: JWSAlgorithm
    public let keyID: String
    /// With `kid`, `alg` and `use`.
    public let publicJWK: JWK
    private let backing: Backing

    /// Makes a key: RSA with 2,048 bits, or on the algorithm's curve.
    /// - Parameter keyID: nil for the thumbprint (RFC 7638).
    public static func generate(_ algorithm: JWSAlgorithm, keyID: String? = nil) throws(JOSEError) -> SigningKey {
        let backing: Backing
        do {
            backing =
                switch algorithm {
                case .RS256, .RS384, .RS512, .PS256, .PS384, .PS512:
                    .rsa(try _RSA.Signing.PrivateKey(keySize: .bits2048))
                case .ES256: .p256(P256.Signing.PrivateKey())
                case .ES384: .p384(P384.Signing.PrivateKey())
                case .ES512: .p521(P521.Signing.PrivateKey())
                case .EdDSA: .ed25519(Curve25519.Signing.PrivateKey())
                }
        } catch { throw .cryptography("key generation") }
        return try SigningKey(backing, algorithm, keyID)
    }

    /// Reads a private key from PKCS #8 (Ed25519: the raw 32 bytes).
    public init(pkcs8DER der: [UInt8], algorithm: JWSAlgorithm, keyID: String? = nil) throws(JOSEError) {
        let backing: Backing
        do {
            backing =
                switch algorithm {
                case .RS256, .RS384, .RS512, .PS256, .PS384, .PS512:
                    .rsa(try _RSA.Signing.PrivateKey(derRepresentation: der))
                case .ES256: .p256(try P256.Signing.PrivateKey(derRepresentation: der))
                case .ES384: .p384(try P384.Signing.PrivateKey(derRepresentation: der))
                case .ES512: .p521(try P521.Signing.PrivateKey(derRepresentation: der))
                case .EdDSA: .ed25519(try Curve25519.Signing.PrivateKey(rawRepresentation: der))
                }
        } catch { throw .malformed("private key") }
        try self.init(backing, algorithm, keyID)
    }

    private init(_ backing: Backing, _ algorithm: JWSAlgorithm, _ keyID: String?) throws(JOSEError) {
        self.backing = backing
        self.algorithm = algorithm
        let material: JWK.Material
        switch backing {
        case .rsa(let key):
            guard key.keySizeInBits >= 2_048 else { throw .weakKey("\(key.keySizeInBits) bits of RSA") }
            guard let primitives = try? key.publicKey.getKeyPrimitives() else { throw .malformed("private key") }
            material = .rsa(modulus: Array(primitives.modulus), exponent: Array(primitives.publicExponent))
        case .p256(let key): material = SigningKey.ec(.p256, Array(key.publicKey.rawRepresentation))
        case .p384(let key): material = SigningKey.ec(.p384, Array(key.publicKey.rawRepresentation))
        case .p521(let key): material = SigningKey.ec(.p521, Array(key.publicKey.rawRepresentation))
        case .ed25519(let key): material = .ed25519(x: Array(key.publicKey.rawRepresentation))
        }
        var jwk = JWK(material: material, algorithm: algorithm, use: "sig")
        self.keyID = keyID ?? jwk.thumbprint()
        jwk.keyID = self.keyID
        publicJWK = jwk
    }

    private static func ec(_ curve: JWK.Curve, _ raw: [UInt8]) -> JWK.Material {
        .ec(curve: curve, x: Array(raw[..<(raw.count / 2)]), y: Array(raw[(raw.count / 2)...]))
    }

    /// The private key in the form that `init(pkcs8DER:)` reads.
    public func pkcs8DER() throws(JOSEError) -> [UInt8] {
        switch backing {
        case .rsa(let key): Array(key.pkcs8DERRepresentation)
        case .p256(let key): Array(key.derRepresentation)
        case .p384(let key): Array(key.derRepresentation)
        case .p521(let key): Array(key.derRepresentation)
        case .ed25519(let key): Array(key.rawRepresentation)
        }
    }

    /// Signs `message`; ECDSA signatures in the fixed-length form of RFC 7518 section 3.4.
    public func sign(_ message: [UInt8]) throws(JOSEError) -> [UInt8] {
        do {
            switch backing {
            case .rsa(let key):
                let signature: _RSA.Signing.RSASignature
                switch algorithm {
                case .RS256: signature = try key.signature(for: SHA256.hash(data: message), padding: .insecurePKCS1v1_5)
                case .RS384: signature = try key.signature(for: SHA384.hash(data: message), padding: .insecurePKCS1v1_5)
                case .RS512: signature = try key.signature(for: SHA512.hash(data: message), padding: .insecurePKCS1v1_5)
                case .PS256: signature = try key.signature(for: SHA256.hash(data: message), padding: .PSS)
                case .PS384: signature = try key.signature(for: SHA384.hash(data: message), padding: .PSS)
                default: signature = try key.signature(for: SHA512.hash(data: message), padding: .PSS)
                }
                return Array(signature.rawRepresentation)
            case .p256(let key): return Array(try key.signature(for: SHA256.hash(data: message)).rawRepresentation)
            case .p384(let key): return Array(try key.signature(for: SHA384.hash(data: message)).rawRepresentation)
            case .p521(let key): return Array(try key.signature(for: SHA512.hash(data: message)).rawRepresentation)
            case .ed25519(let key): return Array(try key.signature(for: message))
            }
        } catch { throw .cryptography("signature") }
    }
}
