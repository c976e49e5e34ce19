import Crypto
import CryptoExtras
import Foundation
import JOSE
import StrictJSON
import Synchronization
import TestSupport
import Testing

/// One key for each algorithm, made once in a run; the RSA algorithms share theirs, as its making is slow.
enum TestKeys {
    private static let made = Mutex<[JWSAlgorithm: SigningKey]>([:])

    static func key(_ algorithm: JWSAlgorithm) throws(JOSEError) -> SigningKey {
        try made.withLock { (made) throws(JOSEError) -> SigningKey in
            if let key = made[algorithm] { return key }
            let key: SigningKey
            if algorithm.isRSA, let other = made.first(where: { $0.key.isRSA })?.value {
                key = try SigningKey(pkcs8DER: other.pkcs8DER(), algorithm: algorithm)
            } else {
                key = try .generate(algorithm)
            }
            made[algorithm] = key
            return key
        }
    }
}

extension JWSAlgorithm {
    var isRSA: Bool { rawValue.hasPrefix("RS") || rawValue.hasPrefix("PS") }
    var isECDSA: Bool { rawValue.hasPrefix("ES") }
}

/// Parses a text of the test itself.
func json(_ text: String) throws(JSONParseError) -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

/// The JWK with members set, or taken away where the value is nil.
func changed(_ key: JWK, _ members: [String: JSONValue?]) throws -> JSONValue {
    var object = try #require(key.json().object)
    for (name, value) in members { object[name] = value }
    return .object(object)
}

/// A token with exactly this header, rightly signed.
func token(header: String, payload: String = "{}", with key: SigningKey) throws(JOSEError) -> String {
    try JWT.sign(header: Array(header.utf8), payload: Array(payload.utf8), with: key)
}

/// Parses and verifies with one key.
func verify(_ token: String, with key: VerificationKey) throws(JOSEError) {
    try CompactJWS(parsing: token).verify(with: key)
}

/// A file of the public conformance suites, which stand beside the project or where `JTS_CONFORMANCE_DIR` says.
func conformanceFile(_ name: String) throws -> JSONValue {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    let folder =
        ProcessInfo.processInfo.environment["JTS_CONFORMANCE_DIR"]
        ?? root.appending(path: "../shared/conformance").standardizedFileURL.path
    let data = try #require(
        FileManager.default.contents(atPath: folder + "/" + name),
        "conformance suite missing: \(folder)/\(name) (set JTS_CONFORMANCE_DIR to the folder that holds \(name))")
    return try JSONValue(parsing: [UInt8](data), limits: JSONLimits(maxBytes: 1 << 26, maxMembers: 1 << 20))
}

/// A small generator with a seed (Steele, Lea and Flood 2014), so that a failure can be repeated.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }
}
