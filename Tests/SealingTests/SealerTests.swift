import Crypto
import Sealing
import Testing

@Suite struct SealerTests {
    let ring: KeyEncryptionKeyRing
    let sealer: Sealer

    init() throws {
        ring = try .generate()
        sealer = Sealer(ring)
    }

    @Test(arguments: [0, 1, 15, 16, 17, 255, 100_000])
    func opensWhatItSealed(count: Int) throws {
        let plaintext = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let sealed = try sealer.seal(plaintext, context: "totp:42")
        #expect(try sealer.open(sealed, context: "totp:42") == plaintext)
        #expect(count < 16 || !contains(sealed, Array(plaintext.prefix(16))))
    }

    @Test func sealsEachValueDifferently() throws {
        let first = try sealer.seal([1, 2, 3], context: "a")
        let second = try sealer.seal([1, 2, 3], context: "a")
        #expect(first != second)
        // Not only the nonces: the data keys differ, so the wrapped keys do.
        #expect(first.dropFirst(4 + 12).prefix(32) != second.dropFirst(4 + 12).prefix(32))
    }

    @Test(arguments: ["", "totp:4", "totp:422", "TOTP:42", "totp:42 "])
    func refusesAnotherContext(other: String) throws {
        let sealed = try sealer.seal([7], context: "totp:42")
        #expect(throws: SealingError.cannotOpen) { try sealer.open(sealed, context: other) }
        #expect(throws: SealingError.cannotOpen) { try sealer.rewrap(sealed, context: other) }
    }

    @Test func refusesEveryFlippedBit() throws {
        let sealed = try sealer.seal(Array("secret of a person".utf8), context: "c")
        for index in sealed.indices {
            for bit in 0..<8 {
                var damaged = sealed
                damaged[index] ^= 1 << bit
                #expect(throws: SealingError.cannotOpen, "byte \(index), bit \(bit)") {
                    try sealer.open(damaged, context: "c")
                }
            }
        }
    }

    @Test func refusesEveryTruncationAndExtension() throws {
        let sealed = try sealer.seal([1, 2, 3, 4], context: "c")
        for count in 0..<sealed.count {
            #expect(throws: SealingError.cannotOpen) { try sealer.open(Array(sealed[..<count]), context: "c") }
        }
        #expect(throws: SealingError.cannotOpen) { try sealer.open(sealed + [0], context: "c") }
    }

    @Test func refusesThePartsOfTwoValuesPutTogether() throws {
        let first = try sealer.seal([1, 2, 3, 4], context: "c")
        let second = try sealer.seal([5, 6, 7, 8], context: "c")
        let wrapEnd = 2 + 2 + 60
        #expect(throws: SealingError.cannotOpen) {
            try sealer.open(Array(first[..<wrapEnd] + second[wrapEnd...]), context: "c")
        }
    }

    @Test func refusesAKeyThatIsNotInTheRing() throws {
        let sealed = try sealer.seal([1], context: "c")
        // The same id, another key; and another id.
        #expect(throws: SealingError.cannotOpen) { try Sealer(.generate()).open(sealed, context: "c") }
        #expect(throws: SealingError.cannotOpen) { try Sealer(.generate(id: "other")).open(sealed, context: "c") }
    }

    @Test func rewrapsWithoutTouchingTheData() throws {
        let sealed = try sealer.seal([1, 2, 3], context: "c")
        #expect(Sealer.keyID(of: sealed) == "k1")
        #expect(!sealer.needsRewrap(sealed))

        // Known everywhere first, then used to seal: what was sealed before opens all the while.
        sealer.use(try ring.adding(id: "k2"))
        #expect(!sealer.needsRewrap(sealed))
        let promoted = try ring.adding(id: "k2").promoting(id: "k2")
        sealer.use(promoted)
        #expect(sealer.needsRewrap(sealed))
        #expect(try sealer.open(sealed, context: "c") == [1, 2, 3])

        let rewrapped = try sealer.rewrap(sealed, context: "c")
        #expect(Sealer.keyID(of: rewrapped) == "k2")
        #expect(!sealer.needsRewrap(rewrapped))
        #expect(rewrapped.dropFirst(4 + 60) == sealed.dropFirst(4 + 60))
        #expect(try sealer.open(rewrapped, context: "c") == [1, 2, 3])

        // Once nothing is wrapped under it, the old key goes; what was forgotten no longer opens.
        sealer.use(try promoted.removing(id: "k1"))
        #expect(try sealer.open(rewrapped, context: "c") == [1, 2, 3])
        #expect(throws: SealingError.cannotOpen) { try sealer.open(sealed, context: "c") }
    }

    @Test func aNewRingReachesCopiesOfTheSealer() async throws {
        let copy = sealer
        let rotated = try ring.adding(id: "k2").promoting(id: "k2")
        let values = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for index in 0..<200 {
                group.addTask {
                    if index == 100 { sealer.use(rotated) }
                    return try copy.seal([UInt8(index)], context: "c")
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for value in values { #expect(try copy.open(value, context: "c").count == 1) }
        #expect(Sealer.keyID(of: try copy.seal([], context: "c")) == "k2")
    }

    @Test func derivedKeysOutliveRotation() throws {
        let before = sealer.derive(label: "refresh-mac")
        let rotated = try ring.adding(id: "k2").promoting(id: "k2").removing(id: "k1")
        #expect(Sealer(rotated).derive(label: "refresh-mac") == before)
        #expect(sealer.derive(label: "refresh-mac2") != before)
        #expect(try Sealer(.generate()).derive(label: "refresh-mac") != before)
        #expect(before.bitCount == 256)
    }

    @Test func theRingRefusesWhatWouldLoseItsPrimary() throws {
        #expect(throws: SealingError.keyRefused) { try ring.removing(id: "k1") }
        #expect(throws: SealingError.keyRefused) { try ring.removing(id: "absent") }
        #expect(throws: SealingError.keyRefused) { try ring.promoting(id: "absent") }
        #expect(throws: SealingError.keyRefused) { try ring.adding(id: "k1") }
        #expect(throws: SealingError.keyRefused) { try ring.adding(id: "with space") }
        #expect(throws: SealingError.keyRefused) { try ring.adding(id: "") }
    }

    private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        bytes.indices.contains { bytes[$0...].starts(with: part) }
    }
}
