import JOSE

/// Names a reservation or a lease: 128 bits, and the hash tags under which it was charged, so that whoever holds the id can
/// find its records in a Redis Cluster. One without tags was charged in a replica alone, or under no limit.
struct RecordID: Sendable, Hashable, CustomStringConvertible {
    private static let mostTags = 8
    private static let longest = 4_096

    let name: String
    let tags: [Substring]

    init(name: String, tags: [Substring]) {
        self.name = name
        self.tags = tags
    }

    init?(_ text: String) {
        guard text.utf8.count <= RecordID.longest else { return nil }
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = parts.first, Base64URL.decode(String(name))?.count == 16 else { return nil }
        self.name = String(name)
        guard parts.count == 2 else {
            tags = []
            return
        }
        guard let bytes = Base64URL.decode(String(parts[1])),
            let joined = String(validating: bytes, as: UTF8.self)
        else { return nil }
        let tags = joined.split(separator: "\n", omittingEmptySubsequences: false)
        guard tags.count <= RecordID.mostTags,
            !tags.contains(where: { $0.isEmpty || $0.contains { "{}".contains($0) } })
        else { return nil }
        self.tags = tags
    }

    var description: String {
        tags.isEmpty ? name : name + "." + Base64URL.encode(Array(tags.joined(separator: "\n").utf8))
    }
}
