extension ExtensionValue {
    /// An IPv4 or IPv6 address with the length of its prefix.
    public struct IPAddress: Sendable, Hashable, Comparable {
        public enum Family: UInt8, Sendable, Hashable {
            case v4, v6

            /// Bits of an address.
            var width: UInt8 { self == .v4 ? 32 : 128 }
        }

        public let family: Family
        /// As a number; IPv4 in the lowest 32 bits.
        public let address: UInt128
        public let prefix: UInt8

        public init(family: Family, address: UInt128, prefix: UInt8) {
            self.family = family
            self.address = address
            self.prefix = prefix
        }

        public static func < (left: IPAddress, right: IPAddress) -> Bool {
            (left.family.rawValue, left.address, left.prefix) < (right.family.rawValue, right.address, right.prefix)
        }
    }
}

extension ExtensionValue.IPAddress {
    /// Whether all of the range is `127.0.0.0/8`, or this is `::1`.
    public var isLoopback: Bool {
        switch family {
        case .v4: address >> 24 == 127 && prefix >= 8
        case .v6: address == 1 && prefix == 128
        }
    }

    /// Whether all of the range is `224.0.0.0/4` or `ff00::/8`.
    public var isMulticast: Bool {
        switch family {
        case .v4: address >> 28 == 0xE && prefix >= 4
        case .v6: address >> 120 == 0xFF && prefix >= 8
        }
    }

    /// Whether every address of this range is one of the other; false between the families.
    public func isInRange(_ other: Self) -> Bool {
        guard family == other.family, prefix >= other.prefix else { return false }
        // Shifting by the whole width gives 0: every address is in a range without prefix.
        let rest = family.width - other.prefix
        return address >> rest == other.address >> rest
    }
}

extension ExtensionValue.IPAddress: CustomStringConvertible {
    /// The longest text of an address with its prefix.
    private static let maximumLength = 43

    /// Reads an address, or an address and its prefix: `192.0.2.1`, `2001:db8::/32`. Numbers have no leading zeros (other than
    /// groups of IPv6), and the dotted form inside IPv6 is refused. Nil when this is another text.
    public init?(parsing text: String) {
        guard text.utf8.count <= Self.maximumLength else { return nil }
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
        if let address = Self.v4(parts[0]) {
            self.init(family: .v4, address: address, prefix: 32)
        } else if let address = Self.v6(parts[0]) {
            self.init(family: .v6, address: address, prefix: 128)
        } else {
            return nil
        }
        guard parts.count == 2 else { return }
        guard let prefix = Self.decimal(parts[1]), prefix <= family.width else { return nil }
        self.init(family: family, address: address, prefix: UInt8(prefix))
    }

    /// Up to three digits without leading zeros.
    private static func decimal(_ text: Substring.UTF8View) -> UInt128? {
        guard (1...3).contains(text.count), text.count == 1 || text.first != UInt8(ascii: "0") else { return nil }
        return text.reduce(0 as UInt128?) { value, byte in
            value.flatMap { (0x30...0x39).contains(byte) ? $0 * 10 + UInt128(byte & 0xF) : nil }
        }
    }

    private static func v4(_ text: Substring.UTF8View) -> UInt128? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        return parts.reduce(0 as UInt128?) { value, part in
            guard let value, let number = decimal(part), number <= 255 else { return nil }
            return value << 8 | number
        }
    }

    /// Eight groups of up to four hexadecimal digits; `::` stands once for one group of zeros or more.
    private static func v6(_ text: Substring.UTF8View) -> UInt128? {
        var groups: [UInt128] = []
        var gap: Int?
        var rest = text[...]
        if rest.starts(with: "::".utf8) {
            gap = 0
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: ":")) ?? rest.endIndex
            guard let group = hexadecimal(rest[..<end]) else { return nil }
            groups.append(group)
            rest = rest[end...].dropFirst()
            guard end < text.endIndex else { break }
            if rest.first == UInt8(ascii: ":") {
                guard gap == nil else { return nil }
                gap = groups.count
                rest = rest.dropFirst()
            } else if rest.isEmpty {
                // A single colon at the end.
                return nil
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        return groups.reduce(0) { $0 << 16 | $1 }
    }

    private static func hexadecimal(_ text: Substring.UTF8View) -> UInt128? {
        guard (1...4).contains(text.count) else { return nil }
        return text.reduce(0 as UInt128?) { value, byte in
            guard let value, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
            return value << 4 | UInt128(digit)
        }
    }

    /// In the form that `init(parsing:)` reads; the prefix is left out of a single address.
    public var description: String {
        let text =
            switch family {
            case .v4:
                [24, 16, 8, 0].map { String(UInt8(truncatingIfNeeded: address >> UInt128($0))) }.joined(separator: ".")
            case .v6: textOfV6
            }
        return prefix == family.width ? text : "\(text)/\(prefix)"
    }

    /// RFC 5952 section 4, without the dotted form.
    private var textOfV6: String {
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: address >> UInt128(112 - 16 * $0)) }
        var longest = 0..<0
        var start = 0
        while start < 8 {
            let end = groups[start...].firstIndex { $0 != 0 } ?? 8
            if end - start > max(1, longest.count) { longest = start..<end }
            start = max(end, start + 1)
        }
        func text(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        return longest.isEmpty ? text(0..<8) : text(0..<longest.lowerBound) + "::" + text(longest.upperBound..<8)
    }
}
