import Crypto

/// Cost of Argon2id (RFC 9106).
struct Argon2Parameters: Sendable, Hashable {
    /// KiB.
    var memory: UInt32
    /// Passes.
    var iterations: UInt32
    var lanes: UInt32

    /// OWASP Password Storage: 19 MiB, two passes, one lane.
    static let recommended = Argon2Parameters(memory: 19_456, iterations: 2, lanes: 1)

    /// What a stored hash may ask for: a forged row shall not take the machine down.
    var isAcceptable: Bool {
        (8...4_194_304).contains(memory) && (1...100).contains(iterations) && (1...16).contains(lanes)
            && memory >= 8 * lanes
    }
}

/// A password hash with everything that is needed to check it, in the PHC string format:
/// `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`, base64 without padding.
struct PasswordHash: Sendable, Hashable {
    static let saltBytes = 16
    static let hashBytes = 32

    let parameters: Argon2Parameters
    let salt: [UInt8]
    let hash: [UInt8]

    var text: String {
        "$argon2id$v=19$m=\(parameters.memory),t=\(parameters.iterations),p=\(parameters.lanes)"
            + "$\(PHCBase64.encode(salt))$\(PHCBase64.encode(hash))"
    }

    init(parameters: Argon2Parameters, salt: [UInt8], hash: [UInt8]) {
        self.parameters = parameters
        self.salt = salt
        self.hash = hash
    }

    /// Nil when `text` is no Argon2id hash of version 19 with a cost that is acceptable.
    init?(_ text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0].isEmpty, parts[1] == "argon2id", parts[2] == "v=19" else { return nil }
        let costs = parts[3].split(separator: ",", omittingEmptySubsequences: false)
        guard costs.count == 3, costs[0].hasPrefix("m="), costs[1].hasPrefix("t="), costs[2].hasPrefix("p="),
            let memory = UInt32(costs[0].dropFirst(2)), let iterations = UInt32(costs[1].dropFirst(2)),
            let lanes = UInt32(costs[2].dropFirst(2)),
            let salt = PHCBase64.decode(parts[4]), (8...64).contains(salt.count),
            let hash = PHCBase64.decode(parts[5]), (16...64).contains(hash.count)
        else { return nil }
        let parameters = Argon2Parameters(memory: memory, iterations: iterations, lanes: lanes)
        guard parameters.isAcceptable else { return nil }
        self.init(parameters: parameters, salt: salt, hash: hash)
    }

    /// Whether a successful sign-in should replace this hash by one of today's cost.
    func needsUpgrade(to parameters: Argon2Parameters) -> Bool {
        self.parameters != parameters || salt.count < PasswordHash.saltBytes || hash.count != PasswordHash.hashBytes
    }
}

/// Standard base64 without padding, as the PHC string format has it.
enum PHCBase64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        output.reserveCapacity((bytes.count * 4 + 2) / 3)
        var buffer: UInt32 = 0
        var bits = 0
        for byte in bytes {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                output.append(alphabet[Int(buffer >> UInt32(bits) & 63)])
            }
        }
        if bits > 0 { output.append(alphabet[Int(buffer << UInt32(6 - bits) & 63)]) }
        return String(decoding: output, as: UTF8.self)
    }

    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var output: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        for character in text.utf8 {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            buffer = buffer << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                output.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
            }
        }
        // What is left over is less than one character and zero in the one canonical form.
        guard bits < 6, buffer & (1 << UInt32(bits) - 1) == 0 else { return nil }
        return output
    }
}

/// Compares secrets without telling by time where they differ. Lengths are no secret.
func constantTimeEqual(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for (a, b) in zip(left, right) { difference |= a ^ b }
    return difference == 0
}
