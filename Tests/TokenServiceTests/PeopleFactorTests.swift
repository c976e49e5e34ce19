import Crypto
import Testing

@testable import TokenService

@Suite struct PeopleFactorTests {
    /// RFC 6238 appendix B.
    @Test(
        arguments: [
            (59, "94287082", "46119246"), (1_111_111_109, "07081804", "68084774"),
            (1_111_111_111, "14050471", "67062674"),
            (1_234_567_890, "89005924", "91819424"), (2_000_000_000, "69279037", "90698825"),
            (20_000_000_000, "65353130", "77737706"),
        ] as [(Int64, String, String)])
    func theVectorsOfTheStandard(_ seconds: Int64, _ sha1: String, _ sha256: String) throws {
        let seed = Array("12345678901234567890".utf8)
        let long = Array("12345678901234567890123456789012".utf8)
        let first = try #require(TOTP(secret: seed, algorithm: .sha1, digits: 8))
        let second = try #require(TOTP(secret: long, algorithm: .sha256, digits: 8))
        #expect(first.code(step: TOTP.step(at: seconds)) == sha1)
        #expect(second.code(step: TOTP.step(at: seconds)) == sha256)
    }

    @Test func theWindowIsOneStepEitherSide() throws {
        let totp = try #require(TOTP(secret: RandomID.bytes(20)))
        let now: Int64 = 1_700_000_010
        let step = TOTP.step(at: now)
        for offset: Int64 in -1...1 {
            // Of two steps with the same code the later one is named.
            let match = totp.matchingStep(totp.code(step: step + offset), at: now)
            #expect(match.map { $0 >= step + offset && totp.code(step: $0) == totp.code(step: step + offset) } == true)
        }
        let inside = Set((-1...1).map { totp.code(step: step + $0) })
        for offset: Int64 in [-3, -2, 2, 3] {
            let code = totp.code(step: step + offset)
            #expect(inside.contains(code) || totp.matchingStep(code, at: now) == nil)
        }
        #expect(totp.matchingStep("", at: now) == nil)
        #expect(totp.matchingStep("12345", at: now) == nil)
        #expect(totp.matchingStep("ab\u{e9}def", at: now) == nil)
        #expect(TOTP.secondsToNextStep(at: 60) == 30)
        #expect(TOTP.secondsToNextStep(at: 89) == 1)
    }

    @Test func theURINamesEverythingAnAppNeeds() throws {
        let totp = try #require(TOTP(secret: Array("12345678901234567890".utf8), algorithm: .sha256, digits: 8))
        #expect(
            totp.uri(issuer: "JTS", account: "ma ria@x") == "otpauth://totp/JTS:ma%20ria%40x"
                + "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=JTS&algorithm=SHA256&digits=8&period=30")
        #expect(TOTP(secret: RandomID.bytes(20), digits: 7) == nil)
        #expect(TOTP(secret: RandomID.bytes(10)) == nil)
    }

    /// RFC 4648 section 10.
    @Test(arguments: [
        ("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB"),
        ("foobar", "MZXW6YTBOI"),
    ])
    func base32(_ plain: String, _ encoded: String) {
        #expect(Base32.encode(Array(plain.utf8)) == encoded)
        #expect(Base32.decode(encoded) == Array(plain.utf8))
        #expect(Base32.decode(encoded.lowercased()) == Array(plain.utf8))
    }

    @Test func base32IsCanonical() {
        for text in ["MZ", "M", "MY=", "M1", "MZXW6YTBO", "M Y"] { #expect(Base32.decode(text) == nil, "\(text)") }
    }

    @Test func recoveryCodesBelongToOneUser() throws {
        let codes = RecoveryCodes(key: SymmetricKey(size: .bits256))
        let texts = RecoveryCodes.generate()
        #expect(texts.count == 10)
        #expect(Set(texts).count == 10)
        let text = try #require(texts.first)
        #expect(text.count == 19)
        let digest = try #require(codes.digest(text, user: "usr_1"))
        #expect(codes.digest(text.uppercased().replacing("-", with: " "), user: "usr_1") == digest)
        #expect(codes.digest(text, user: "usr_2") != digest)
        #expect(RecoveryCodes(key: SymmetricKey(size: .bits256)).digest(text, user: "usr_1") != digest)
        #expect(codes.digest("nonsense", user: "usr_1") == nil)
        #expect(codes.digest(String(repeating: "a", count: 65), user: "usr_1") == nil)
    }

    @Test func theQRCodeIsAnSVG() throws {
        let svg = try #require(QR.svg("otpauth://totp/JTS:maria?secret=GEZDGNBVGY3TQOJQ"))
        #expect(svg.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 "))
        // The finder pattern in the upper left corner, inside the quiet zone of four modules.
        #expect(svg.contains("M4 4h7v1h-7z"))
        #expect(svg.hasSuffix("</svg>"))
        #expect(QR.svg("") == nil)
        #expect(QR.svg(String(repeating: "x", count: 5_000)) == nil)
    }
}
