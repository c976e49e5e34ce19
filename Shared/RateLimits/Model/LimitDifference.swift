import StrictJSON

/// What becomes different when one set takes the place of another.
package struct LimitDifference: Sendable, Hashable {
    package var added: [String] = []
    package var removed: [String] = []
    package var changed: [Change] = []
    /// The limits that both have stand in another order; that changes no decision.
    package var reordered = false

    package struct Change: Sendable, Hashable {
        package var name: String
        /// By the names that stand in a document; nil where it is at its default.
        package var members: [Member]
        /// Whether the counters begin anew, since they count in another way.
        package var restarts: Bool
    }

    package struct Member: Sendable, Hashable {
        package var name: String
        package var before: JSONValue?
        package var after: JSONValue?
    }

    package var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty && !reordered }
}

extension LimitSet {
    /// What is different in another set, by names: a limit of another name is another limit.
    package func difference(to other: LimitSet) -> LimitDifference {
        let mine = Dictionary(uniqueKeysWithValues: limits.map { ($0.name, $0) })
        let theirs = Dictionary(uniqueKeysWithValues: other.limits.map { ($0.name, $0) })
        var difference = LimitDifference()
        difference.added = other.limits.map(\.name).filter { mine[$0] == nil }
        difference.removed = limits.map(\.name).filter { theirs[$0] == nil }
        for limit in other.limits {
            guard let before = mine[limit.name], before.json != limit.json else { continue }
            difference.changed.append(Self.change(from: before, to: limit))
        }
        difference.reordered =
            limits.map(\.name).filter { theirs[$0] != nil } != other.limits.map(\.name).filter { mine[$0] != nil }
        return difference
    }

    private static func change(from before: Limit, to after: Limit) -> LimitDifference.Change {
        let old = before.json.object ?? [:]
        let new = after.json.object ?? [:]
        let names = old.keys + new.keys.filter { old[$0] == nil }
        let members = names.filter { old[$0] != new[$0] }
            .map { LimitDifference.Member(name: $0, before: old[$0], after: new[$0]) }
        let restarts = KeyShape(before) != KeyShape(after)
        return LimitDifference.Change(name: after.name, members: members, restarts: restarts)
    }
}

extension LimitDifference {
    /// For answers and events.
    package var json: JSONValue {
        [
            "added": .array(added.map { .string($0) }),
            "removed": .array(removed.map { .string($0) }),
            "changed": .array(
                changed.map { change in
                    let members = change.members.map { member in
                        (
                            member.name,
                            ["before": member.before ?? .null, "after": member.after ?? .null] as JSONValue
                        )
                    }
                    return [
                        "name": .string(change.name), "members": .object(JSONObject(members)),
                        "restarts": .bool(change.restarts),
                    ]
                }),
            "reordered": .bool(reordered),
        ]
    }
}
