#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// An Internet address by its bits: texts that mean the same address are the same, and an IPv4 address that is mapped
/// into IPv6 (RFC 4291 section 2.5.5.2) is the IPv4 address.
package struct IPAddress: Sendable, Hashable {
    package let isV4: Bool
    /// The 128 bits; those of an IPv4 address stand at the top.
    let high: UInt64
    let low: UInt64

    /// Nil for what is no address. A zone (`fe80::1%eth0`) is left off: it says nothing about the sender.
    package init?(_ text: String) {
        let bytes = text.utf8
        guard bytes.count <= 64, !bytes.contains(0) else { return nil }
        if !bytes.contains(UInt8(ascii: ":")) {
            var v4 = in_addr()
            guard inet_pton(AF_INET, text, &v4) == 1 else { return nil }
            self.init(v4: UInt32(bigEndian: v4.s_addr))
            return
        }
        var v6 = in6_addr()
        let address = text.firstIndex(of: "%").map { String(text[..<$0]) } ?? text
        guard inet_pton(AF_INET6, address, &v6) == 1 else { return nil }
        let (high, low) = withUnsafeBytes(of: &v6) { raw in
            (
                UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
        if high == 0, low >> 32 == 0xFFFF {
            self.init(v4: UInt32(truncatingIfNeeded: low))
        } else {
            self.init(isV4: false, high: high, low: low)
        }
    }

    private init(v4: UInt32) { self.init(isV4: true, high: UInt64(v4) << 32, low: 0) }

    private init(isV4: Bool, high: UInt64, low: UInt64) {
        self.isV4 = isV4
        self.high = high
        self.low = low
    }

    /// The first bits; the others are zero.
    func masked(to bits: Int) -> IPAddress {
        let high = bits >= 64 ? high : high & ~(UInt64.max >> UInt64(bits))
        let low = bits >= 128 ? low : bits <= 64 ? 0 : low & ~(UInt64.max >> UInt64(bits - 64))
        return IPAddress(isV4: isV4, high: high, low: low)
    }

    /// As part of a key: `4` or `6` and the digits of the prefix in hexadecimal.
    package func keyText(_ lengths: AddressPrefixLengths) -> String {
        let bits = isV4 ? lengths.v4 : lengths.v6
        let prefix = masked(to: bits)
        let digits = (bits + 3) / 4
        return String(unsafeUninitializedCapacity: digits + 1) { buffer in
            buffer[0] = UInt8(ascii: isV4 ? "4" : "6")
            for digit in 0..<digits {
                let word = digit < 16 ? prefix.high : prefix.low
                let nibble = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (digit & 15))) & 15
                buffer[digit + 1] = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
            }
            return digits + 1
        }
    }

    fileprivate var text: String {
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        if isV4 {
            var address = in_addr(s_addr: UInt32(truncatingIfNeeded: high >> 32).bigEndian)
            _ = inet_ntop(AF_INET, &address, &buffer, socklen_t(buffer.count))
        } else {
            var words = (high.bigEndian, low.bigEndian)
            _ = inet_ntop(AF_INET6, &words, &buffer, socklen_t(buffer.count))
        }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension IPAddress: CustomStringConvertible {
    /// In the shortest way of writing (RFC 5952).
    package var description: String { text }
}

/// The addresses that begin with the same bits, `10.0.0.0/8`.
package struct Network: Sendable, Hashable, CustomStringConvertible {
    package let address: IPAddress
    package let bits: Int

    /// An address alone is the network that has it only. Bits beyond the prefix must be zero, as they are a slip.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPAddress(String(parts[0])), !parts[0].contains("%") else { return nil }
        var bits = address.isV4 ? 32 : 128
        if parts.count == 2 {
            guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                var stated = Int(parts[1])
            else { return nil }
            // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
            if address.isV4, parts[0].contains(":") { stated -= 96 }
            guard (0...bits).contains(stated) else { return nil }
            bits = stated
        }
        guard address.masked(to: bits) == address else { return nil }
        self.address = address
        self.bits = bits
    }

    package func contains(_ other: IPAddress) -> Bool {
        other.isV4 == address.isV4 && other.masked(to: bits) == address
    }

    package var description: String {
        bits == (address.isV4 ? 32 : 128) ? address.description : "\(address)/\(bits)"
    }
}
