import StrictJSON
import Synchronization

/// The sets of permissions that tokens carry. There are as many as roles and their combinations, so that all tokens of a
/// kind share one: making a set costs more than comparing a list, and it is the largest part of an identity.
final class PermissionSets: Sendable {
    private struct Entry {
        let names: [String]
        let set: Set<String>
    }

    private static let limit = 16
    private let entries = Mutex<[Entry]>([])

    func set(of names: [String]) -> Set<String> {
        if let known = entries.withLock({ $0.first { PermissionSets.same($0.names, names) }?.set }) { return known }
        let made = Set(names)
        entries.withLock { entries in
            // Where there are more kinds than places the oldest leaves.
            if entries.count >= PermissionSets.limit { entries.removeFirst() }
            entries.append(Entry(names: names, set: made))
        }
        return made
    }

    private static func same(_ left: [String], _ right: [String]) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { $0.sameBytes(as: $1) }
    }
}
