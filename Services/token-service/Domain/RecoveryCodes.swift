import Crypto

/// Codes that stand in for a lost second factor: look-up secrets as in NIST SP 800-63B-4 section 3.1.2, ten of 80 bits,
/// each used once. Kept as a MAC, so that a stolen table cannot even be searched by guessing.
struct RecoveryCodes: Sendable {
    static let count = 10
    private static let bytes = 10

    /// Derived from the sealing key.
    let key: SymmetricKey

    /// Ten new codes, in groups of four letters.
    static func generate(random: (Int) -> [UInt8] = RandomID.bytes) -> [String] {
        (0..<count).map { _ in
            let letters = Array(Base32.encode(random(bytes)).lowercased())
            return stride(from: 0, to: letters.count, by: 4).map { String(letters[$0..<min($0 + 4, letters.count)]) }
                .joined(separator: "-")
        }
    }

    /// What is stored of a code; nil when the text cannot be one. Case, dashes and blanks do not matter.
    func digest(_ text: String, user: String) -> [UInt8]? {
        guard text.utf8.count <= 64 else { return nil }
        let compact = text.filter { $0 != "-" && $0 != " " }
        guard let raw = Base32.decode(compact), raw.count == RecoveryCodes.bytes else { return nil }
        return Array(HMAC<SHA256>.authenticationCode(for: Array(user.utf8) + [0] + raw, using: key))
    }
}
