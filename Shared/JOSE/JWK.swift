import StrictJSON

/// A public key in JSON (RFC 7517): RSA, EC on the NIST curves, or OKP with Ed25519 (RFC 8037).
///
/// A key that arrives with private members is taken for its public part; these are never kept.
public struct JWK: Sendable, Hashable {
    /// The parameters that make the key; all as bytes, big endian where they are numbers.
    public enum Material: Sendable, Hashable {
        case rsa(modulus: [UInt8], exponent: [UInt8])
        case ec(curve: Curve, x: [UInt8], y: [UInt8])
        case ed25519(x: [UInt8])
    }

    public enum Curve: String, Sendable, Hashable {
        case p256 = "P-256"
        case p384 = "P-384"
        case p521 = "P-521"

        /// Bytes of a coordinate (RFC 7518 section 6.2.1.2).
        var coordinateLength: Int {
            switch self {
            case .p256: 32
            case .p384: 48
            case .p521: 66
            }
        }
    }

    public var material: Material
    public var keyID: String?
    public var algorithm: JWSAlgorithm?
    /// `use`: `sig` or `enc`.
    public var use: String?
    public var keyOperations: [String]?

    public init(material: Material, keyID: String? = nil, algorithm: JWSAlgorithm? = nil, use: String? = nil) {
        self.material = material
        self.keyID = keyID
        self.algorithm = algorithm
        self.use = use
        keyOperations = nil
    }

    /// - Throws: `.malformed` when it is no key of a known form, `.unsupportedAlgorithm` for symmetric keys, unknown
    ///   types, curves and algorithms.
    public init(json: JSONValue) throws(JOSEError) {
        guard let object = json.object else { throw .malformed("a JWK is a JSON object") }
        guard let type = object["kty"]?.string else { throw .malformed("kty") }
        switch type {
        case "RSA":
            let modulus = try JWK.bytes(object, "n")
            let exponent = try JWK.bytes(object, "e")
            // RFC 7518 section 6.3.1.1: no leading zero octet.
            guard modulus.first != 0, exponent.first != 0 else { throw .malformed("n or e starts with zero") }
            material = .rsa(modulus: modulus, exponent: exponent)
        case "EC":
            guard let name = object["crv"]?.string else { throw .malformed("crv") }
            guard let curve = Curve(rawValue: name) else { throw .unsupportedAlgorithm("curve") }
            let (x, y) = (try JWK.bytes(object, "x"), try JWK.bytes(object, "y"))
            guard x.count == curve.coordinateLength, y.count == curve.coordinateLength else {
                throw .malformed("coordinate length")
            }
            material = .ec(curve: curve, x: x, y: y)
        case "OKP":
            guard object["crv"]?.string == "Ed25519" else { throw .unsupportedAlgorithm("curve") }
            let x = try JWK.bytes(object, "x")
            guard x.count == 32 else { throw .malformed("x") }
            material = .ed25519(x: x)
        case "oct": throw .unsupportedAlgorithm("symmetric key")
        default: throw .unsupportedAlgorithm("key type")
        }
        keyID = try JWK.optionalText(object, "kid")
        use = try JWK.optionalText(object, "use")
        if let name = try JWK.optionalText(object, "alg") {
            guard let known = JWSAlgorithm(rawValue: name) else { throw .unsupportedAlgorithm("alg of the key") }
            algorithm = known
        } else {
            algorithm = nil
        }
        if let operations = object["key_ops"] {
            guard let names = operations.strings, Set(names).count == names.count else { throw .malformed("key_ops") }
            keyOperations = names
        } else {
            keyOperations = nil
        }
    }

    /// The public key with its attributes.
    public func json() -> JSONValue {
        var object = parameters
        object["kid"] = keyID.map(JSONValue.string)
        object["use"] = use.map(JSONValue.string)
        object["alg"] = algorithm.map { .string($0.rawValue) }
        object["key_ops"] = keyOperations.map { .array($0.map(JSONValue.string)) }
        return .object(object)
    }

    /// Whether a JWK carries any member of a private or symmetric key (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1).
    static func isPrivate(_ json: JSONValue) -> Bool {
        ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].contains { json[$0] != nil }
    }

    /// The required members in lexicographic order: what a thumbprint is made of.
    var parameters: JSONObject {
        switch material {
        case .rsa(let modulus, let exponent):
            [
                "e": .string(Base64URL.encode(exponent)), "kty": "RSA", "n": .string(Base64URL.encode(modulus)),
            ]
        case .ec(let curve, let x, let y):
            [
                "crv": .string(curve.rawValue), "kty": "EC", "x": .string(Base64URL.encode(x)),
                "y": .string(Base64URL.encode(y)),
            ]
        case .ed25519(let x):
            ["crv": "Ed25519", "kty": "OKP", "x": .string(Base64URL.encode(x))]
        }
    }

    private static func bytes(_ object: JSONObject, _ name: String) throws(JOSEError) -> [UInt8] {
        guard let text = object[name]?.string, let bytes = Base64URL.decode(text), !bytes.isEmpty else {
            throw .malformed(name)
        }
        return bytes
    }

    private static func optionalText(_ object: JSONObject, _ name: String) throws(JOSEError) -> String? {
        guard let value = object[name] else { return nil }
        guard let text = value.string else { throw .malformed(name) }
        return text
    }
}
