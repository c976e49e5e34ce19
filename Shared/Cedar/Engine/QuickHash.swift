/// A hash for tables that are looked into on every request: quicker than `Hasher`, and keyed by a random number of
/// the process so that nobody outside can choose ids that collide.
struct QuickHash {
    private static let processKey = UInt64.random(in: .min ... .max) | 1

    private let key: UInt64

    /// All that a process makes are the same. One is kept where hashes are needed often, as the key takes a check to come by.
    init() { key = QuickHash.processKey }

    func callAsFunction(_ uid: EntityUID) -> UInt64 { bytes(of: uid.id.string, bytes(of: uid.type.text, key)) }

    func callAsFunction(_ string: CedarString) -> UInt64 { bytes(of: string.string, key) }

    @inline(__always)
    private func bytes(of text: String, _ start: UInt64) -> UInt64 {
        text.utf8.withContiguousStorageIfAvailable { mix(UnsafeRawBufferPointer($0), start) }
            // Strings of the language are contiguous; any other way to the bytes gives the same number.
            ?? Array(text.utf8).withUnsafeBytes { mix($0, start) }
    }

    @inline(__always)
    private func mix(_ bytes: UnsafeRawBufferPointer, _ start: UInt64) -> UInt64 {
        let count = bytes.count
        var hash = start ^ UInt64(truncatingIfNeeded: count)
        guard count >= 8 else {
            // Loads that overlap, so that no byte is left out whatever the number.
            guard count >= 4 else {
                guard count > 0 else { return fold(hash) }
                let rest = UInt64(bytes[0]) | UInt64(bytes[count / 2]) << 8 | UInt64(bytes[count - 1]) << 16
                return fold(hash ^ rest)
            }
            let (low, high) = (word(bytes, 0, as: UInt32.self), word(bytes, count - 4, as: UInt32.self))
            return fold(hash ^ (UInt64(low) | UInt64(high) << 32))
        }
        var offset = 0
        while offset + 8 < count {
            hash = fold(hash ^ word(bytes, offset, as: UInt64.self))
            offset += 8
        }
        return fold(hash ^ word(bytes, count - 8, as: UInt64.self))
    }

    @inline(__always)
    private func word<Word: FixedWidthInteger & BitwiseCopyable>(
        _ bytes: UnsafeRawBufferPointer, _ offset: Int, as type: Word.Type
    ) -> Word {
        bytes.loadUnaligned(fromByteOffset: offset, as: type)
    }

    /// Both halves of a wide product, so that every bit in has a say in every bit out.
    @inline(__always)
    private func fold(_ value: UInt64) -> UInt64 {
        let product = (value ^ key).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        return product.high ^ product.low
    }
}

extension String {
    /// Whether both are the same scalars: what `CedarString` and `Name` mean by equality, quicker.
    @inline(__always)
    func isSame(as other: String) -> Bool {
        // Equal representations are equal strings: short ones hold their text themselves, long ones are often shared.
        if unsafeBitCast(self, to: (UInt64, UInt64).self) == unsafeBitCast(other, to: (UInt64, UInt64).self) {
            return true
        }
        return utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }
}
