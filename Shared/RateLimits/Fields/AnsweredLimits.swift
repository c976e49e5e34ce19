import RawStructuredFieldValues

/// What a response told of its limits: the reading side of `RateLimitFields`, for clients.
package struct AnsweredLimit: Sendable, Hashable {
    package var name: String
    /// `r`.
    package var remaining: Int64
    /// `t`: seconds until there is more.
    package var reset: Int64?
    /// `q` and `w` (seconds) of the policy of this name and partition, where the response told it.
    package var quantity: Int64?
    package var window: Int64?
    /// `pk`, in Base64.
    package var partition: String?

    /// The limits of a `RateLimit` field (several fields joined by commas), with their policies where they are told. Malformed
    /// fields are ignored, as the draft demands; an item that lacks its remaining units is left out.
    package static func read(rateLimit: String, policy: String = "") -> [AnsweredLimit] {
        let policies = items(policy)
        return items(rateLimit).compactMap { item in
            guard let name = item.name, let remaining = item.integer("r") else { return nil }
            let partition = item.bytes("pk")
            let policy = policies.first { $0.name == name && ($0.bytes("pk") ?? partition) == partition }
            return AnsweredLimit(
                name: name, remaining: remaining, reset: item.integer("t"), quantity: policy?.integer("q"),
                window: policy?.integer("w"), partition: partition)
        }
    }

    private static func items(_ field: String) -> [Item] {
        var parser = StructuredFieldValueParser(Array(field.utf8))
        guard let list = try? parser.parseListFieldValue() else { return [] }
        return list.compactMap { if case .item(let item) = $0 { item } else { nil } }
    }
}

extension Item {
    fileprivate var name: String? { if case .string(let name) = rfc9651BareItem { name } else { nil } }

    /// Negative numbers mean nothing here.
    fileprivate func integer(_ key: String) -> Int64? {
        if case .integer(let value)? = rfc9651Parameters[key], value >= 0 { value } else { nil }
    }

    fileprivate func bytes(_ key: String) -> String? {
        if case .undecodedByteSequence(let value)? = rfc9651Parameters[key] { value } else { nil }
    }
}
