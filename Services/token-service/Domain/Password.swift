import Foundation

/// A password as it was typed, normalised and never shown.
///
/// NIST SP 800-63B-4 section 3.1.1.2: Unicode is accepted and normalised (NFC, as RFC 8265 section 4.2.2 has it), each
/// code point counts as one character, and nothing is cut off.
struct Password: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// Longer input is refused rather than truncated; 1,024 bytes are more than anybody types.
    static let maximumBytes = 1_024

    let bytes: [UInt8]
    /// Unicode code points.
    let length: Int

    /// Nil when `text` is empty, too long or contains NUL.
    init?(_ text: String) {
        guard !text.isEmpty, text.utf8.count <= Password.maximumBytes, !text.utf8.contains(0) else { return nil }
        let normalised = text.precomposedStringWithCanonicalMapping
        bytes = Array(normalised.utf8)
        length = normalised.unicodeScalars.count
    }

    var description: String { "<redacted>" }
    var debugDescription: String { "<redacted>" }

    /// A password that a machine makes: 26 letters and digits of Base32, 130 bits.
    static func random(_ bytes: [UInt8] = RandomID.bytes(17)) -> String {
        String(Base32.encode(bytes).prefix(26)).lowercased()
    }
}

extension Password {
    /// Checked in the place of input that cannot be a password.
    static let placeholder = Password(bytes: Array("placeholder".utf8), length: 11)

    private init(bytes: [UInt8], length: Int) {
        self.bytes = bytes
        self.length = length
    }
}
