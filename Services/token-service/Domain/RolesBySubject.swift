import SecurityClient

/// What a bundle tells of each person.
struct RolesBySubject: Sendable {
    private let isWhole: Bool
    private let assigned: [String: [AssignedRole]]
    private let removed: [String: Set<Int64>]

    init(_ bundle: RolesBundle) {
        isWhole = bundle.from == nil
        assigned = Dictionary(grouping: bundle.assignments, by: \.subject).mapValues { $0.map(\.assigned) }
        removed = Dictionary(grouping: bundle.removed, by: \.subject).mapValues { Set($0.map(\.id)) }
    }

    /// What a person has once the bundle is taken over, in the order of the ids.
    /// - Parameter before: what she has now.
    func roles(of subject: String, after before: [AssignedRole]) -> [AssignedRole] {
        var roles: [Int64: AssignedRole] = [:]
        if !isWhole { for role in before { roles[role.id] = role } }
        for role in assigned[subject] ?? [] { roles[role.id] = role }
        for id in removed[subject] ?? [] { roles[id] = nil }
        return roles.values.sorted { $0.id < $1.id }
    }
}
