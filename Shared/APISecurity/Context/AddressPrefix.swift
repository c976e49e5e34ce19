import Foundation

/// The part of an address that one attacker cannot change at will.
package enum AddressPrefix {
    /// An IPv4 address as it is, also when mapped into IPv6; of an IPv6 address the first 64 bits; else the text.
    package static func of(_ address: String) -> String {
        guard address.utf8.contains(UInt8(ascii: ":")) else {
            return address.split(separator: "%", maxSplits: 1).first.map(String.init) ?? address
        }
        let host = address.split(separator: "%", maxSplits: 1).first.map(String.init) ?? address
        if host.lowercased().hasPrefix("::ffff:"), host.contains(".") { return String(host.dropFirst(7)) }
        let halves = host.components(separatedBy: "::")
        guard halves.count <= 2 else { return host }
        var groups = halves[0].split(separator: ":").map(String.init)
        if halves.count == 2 {
            let tail = halves[1].split(separator: ":").count
            groups += Array(repeating: "0", count: max(0, 8 - groups.count - tail))
            groups += halves[1].split(separator: ":").map(String.init)
        }
        let prefix = groups.prefix(4).map { UInt16($0, radix: 16).map { String($0, radix: 16) } ?? $0 }
        return prefix.joined(separator: ":") + "::/64"
    }
}
