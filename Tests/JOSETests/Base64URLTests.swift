import JOSE
import Testing

@Suite struct Base64URLTests {
    /// RFC 4648 section 10, without padding, and RFC 7515 appendix C.
    @Test(arguments: [
        ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
        ("foobar", "Zm9vYmFy"),
    ]) func published(plain: String, encoded: String) {
        #expect(Base64URL.encode(Array(plain.utf8)) == encoded)
        #expect(Base64URL.decode(encoded) == Array(plain.utf8))
    }

    @Test func alphabetForURLs() {
        #expect(Base64URL.encode([3, 236, 255, 224, 193]) == "A-z_4ME")
        #expect(Base64URL.decode("A-z_4ME") == [3, 236, 255, 224, 193])
    }

    @Test func everyLengthComesBack() {
        var random = SplitMix64(state: 1)
        for length in 0..<300 {
            let bytes = random.bytes(length)
            let encoded = Base64URL.encode(bytes)
            #expect(encoded.utf8.count == (length * 4 + 2) / 3)
            #expect(Base64URL.decode(encoded) == bytes)
            #expect(Base64URL.encodedBytes(bytes) == Array(encoded.utf8))
        }
    }

    /// Padding, white space, the other alphabet, lengths that no encoding has, and characters beyond ASCII.
    @Test(arguments: [
        "Zg==", "Zm8=", "Zg=", "=", "Zm9v\n", "Zm9v ", " Zm9v", "Zm\t9v", "Zm9v\r\n", "Z", "Zm9vY", "Zm9+", "Zm9/",
        "Zm9v.", "Zm9.", "Zm9\u{0}", "Zmé", "Zm9v\u{2028}", "Zm9vZ===",
    ]) func refused(text: String) {
        #expect(Base64URL.decode(text) == nil)
    }

    /// Of all texts of two and three characters exactly those are taken that the encoder writes.
    @Test func unusedBitsAreZero() {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        var taken = 0
        for last in alphabet {
            for text in ["Z\(last)", "Zm\(last)"] {
                guard let decoded = Base64URL.decode(text) else { continue }
                taken += 1
                #expect(Base64URL.encode(decoded) == text)
            }
        }
        #expect(taken == 4 + 16)
    }

    @Test func everyByteOutsideTheAlphabetIsRefused() {
        let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        for byte in UInt8.min...UInt8.max {
            for place in 0..<7 {
                var text = Array("AAAAAAA".utf8)
                text[place] = byte
                let decoded = text.withUnsafeBufferPointer { Base64URL.decode($0) }
                // The last character carries four bits of data and two that must be zero.
                let isCanonical = place < 6 || "AEIMQUYcgkosw048".utf8.contains(byte)
                #expect((decoded != nil) == (alphabet.contains(byte) && isCanonical), "\(byte) at \(place)")
            }
        }
    }
}
