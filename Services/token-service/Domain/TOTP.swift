import Crypto

/// Time-based one-time passwords, RFC 6238 over HOTP (RFC 4226).
struct TOTP: Sendable, Equatable {
    enum Algorithm: String, Sendable, CaseIterable {
        case sha1 = "SHA1"
        case sha256 = "SHA256"

        /// RFC 4226 section 4 R6 recommends 160 bits; the secret is as long as the hash.
        var secretBytes: Int { self == .sha1 ? 20 : 32 }
    }

    /// Seconds.
    static let period: Int64 = 30
    /// Steps before and after the present one that are accepted (section 5.2).
    static let window: Int64 = 1

    let secret: [UInt8]
    let algorithm: Algorithm
    /// 6 or 8.
    let digits: Int

    init?(secret: [UInt8], algorithm: Algorithm = .sha1, digits: Int = 6) {
        guard secret.count >= 16, digits == 6 || digits == 8 else { return nil }
        self.secret = secret
        self.algorithm = algorithm
        self.digits = digits
    }

    /// The time step of an instant in seconds since the epoch.
    static func step(at seconds: Int64) -> Int64 { seconds / period }

    /// Seconds until the step after that of `seconds` begins: 1...30.
    static func secondsToNextStep(at seconds: Int64) -> Int { Int(period - seconds % period) }

    func code(step: Int64) -> String {
        let counter = (0..<8).map { UInt8(truncatingIfNeeded: step >> (56 - 8 * Int64($0))) }
        let key = SymmetricKey(data: secret)
        let mac: [UInt8] =
            switch algorithm {
            case .sha1: Array(HMAC<Insecure.SHA1>.authenticationCode(for: counter, using: key))
            case .sha256: Array(HMAC<SHA256>.authenticationCode(for: counter, using: key))
            }
        // RFC 4226 section 5.3: dynamic truncation.
        let offset = Int(mac[mac.count - 1] & 15)
        let binary =
            UInt32(mac[offset] & 0x7f) << 24 | UInt32(mac[offset + 1]) << 16 | UInt32(mac[offset + 2]) << 8
            | UInt32(mac[offset + 3])
        let text = String(binary % (digits == 6 ? 1_000_000 : 100_000_000))
        return String(repeating: "0", count: digits - text.count) + text
    }

    /// The step whose code this is, within the window around `seconds`; the latest one if several match. All are
    /// computed and compared, so that the time tells nothing.
    func matchingStep(_ code: String, at seconds: Int64) -> Int64? {
        let present = TOTP.step(at: seconds)
        let given = Array(code.utf8)
        var match: Int64?
        for step in max(0, present - TOTP.window)...(present + TOTP.window) {
            if constantTimeEqual(Array(self.code(step: step).utf8), given) { match = step }
        }
        return match
    }

    /// The key URI that authenticator apps read from a QR code.
    func uri(issuer: String, account: String) -> String {
        let (issuer, account) = (TOTP.escaped(issuer), TOTP.escaped(account))
        return "otpauth://totp/\(issuer):\(account)?secret=\(Base32.encode(secret))&issuer=\(issuer)"
            + "&algorithm=\(algorithm.rawValue)&digits=\(digits)&period=\(TOTP.period)"
    }

    /// RFC 3986 section 2.1, everything but unreserved characters.
    private static func escaped(_ text: String) -> String {
        var output: [UInt8] = []
        let hex = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                output.append(byte)
            default: output += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
