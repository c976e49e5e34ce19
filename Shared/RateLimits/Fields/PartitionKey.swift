import Crypto

/// What tells the partitions of a quota apart without saying whose they are: the first 9 bytes of the SHA-256 of the
/// values that make the key. All limits of one user have the same.
package struct PartitionKey: Sendable, Hashable {
    /// The values, as they stand in the keys of the counters.
    private let text: String

    init?(_ applied: AppliedLimit) {
        let compiled = applied.compiled
        guard compiled.primary != nil || !compiled.others.isEmpty else { return nil }
        let key = applied.counter.key.utf8
        guard let open = key.firstIndex(of: UInt8(ascii: "{")),
            let close = key[open...].firstIndex(of: UInt8(ascii: "}"))
        else { return nil }
        let values = key[close...].dropFirst(compiled.middle.count)
            .prefix { $0 != UInt8(ascii: "+") }
        text = String(decoding: key[open..<close], as: UTF8.self) + String(decoding: values, as: UTF8.self)
    }

    package init(text: String) { self.text = text }

    package var bytes: [UInt8] { Array(SHA256.hash(data: Array(text.utf8)).prefix(9)) }
}
