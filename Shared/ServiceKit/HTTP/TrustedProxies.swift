#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The addresses whose `X-Forwarded-For` is believed.
public struct TrustedProxies: Sendable, Hashable {
    private struct Network: Sendable, Hashable {
        /// 16 bytes; IPv4 as `::ffff:a.b.c.d`.
        let address: [UInt8]
        let bits: Int

        func contains(_ other: [UInt8]) -> Bool {
            var left = bits
            var index = 0
            while left > 0 {
                let mask = left >= 8 ? UInt8.max : ~(UInt8.max >> UInt8(left))
                if (address[index] ^ other[index]) & mask != 0 { return false }
                left -= 8
                index += 1
            }
            return true
        }
    }

    private let networks: [Network]

    public static let none = TrustedProxies()

    public init() { networks = [] }

    /// Addresses and networks such as `10.0.0.0/8` or `::1`.
    /// - Returns: nil when one of them is neither.
    public init?(_ texts: [String]) {
        var networks: [Network] = []
        for text in texts {
            let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = parts.first, let address = TrustedProxies.parse(String(first)) else { return nil }
            let isFour = first.utf8.contains(UInt8(ascii: ".")) && !first.utf8.contains(UInt8(ascii: ":"))
            let most = isFour ? 32 : 128
            guard let bits = parts.count == 1 ? most : Int(parts[1]), (0...most).contains(bits) else { return nil }
            networks.append(Network(address: address, bits: bits + (isFour ? 96 : 0)))
        }
        self.networks = networks
    }

    public var isEmpty: Bool { networks.isEmpty }

    public func contains(_ address: String) -> Bool {
        guard let bytes = TrustedProxies.parse(address) else { return false }
        return networks.contains { $0.contains(bytes) }
    }

    /// The client's address: the socket's unless that is a trusted proxy; else the last entry of `X-Forwarded-For` that
    /// no trusted proxy vouches for as another proxy.
    public func client(socket: String, forwardedFor: String?) -> String {
        guard !isEmpty, let forwardedFor, contains(socket) else { return socket }
        var client = socket
        for entry in forwardedFor.split(separator: ",", omittingEmptySubsequences: false).reversed() {
            let text = String(
                entry.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }
                    .reversed())
            guard TrustedProxies.parse(text) != nil else { return client }
            client = text
            guard contains(text) else { return client }
        }
        return client
    }

    private static func parse(_ text: String) -> [UInt8]? {
        var six = in6_addr()
        if inet_pton(AF_INET6, text, &six) == 1 {
            return withUnsafeBytes(of: &six) { Array($0) }
        }
        var four = in_addr()
        guard inet_pton(AF_INET, text, &four) == 1 else { return nil }
        return [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF] + withUnsafeBytes(of: &four) { Array($0) }
    }
}
