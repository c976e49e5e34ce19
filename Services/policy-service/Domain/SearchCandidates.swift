import Cedar

/// Of whom a policy can hold at all, as far as that can be read from what is left of it: everybody else need not be asked
/// about. It may name too many, never too few.
enum SearchCandidates: Sendable, Hashable {
    case all
    /// These, and what is in the groups.
    case some(exactly: Set<EntityUID>, groups: Set<EntityUID>)

    static let none = some(exactly: [], groups: [])

    func union(_ other: SearchCandidates) -> SearchCandidates {
        guard case .some(let exactly, let groups) = self, case .some(let others, let otherGroups) = other else {
            return .all
        }
        return .some(exactly: exactly.union(others), groups: groups.union(otherGroups))
    }

    /// One of both, as who is in both is in either: the one that promises to be smaller.
    func narrower(_ other: SearchCandidates) -> SearchCandidates {
        guard case .some(let exactly, let groups) = self else { return other }
        guard case .some(let others, let otherGroups) = other else { return self }
        if groups.isEmpty, otherGroups.isEmpty { return .some(exactly: exactly.intersection(others), groups: []) }
        return (otherGroups.count, others.count) < (groups.count, exactly.count) ? other : self
    }
}

/// Reads candidates from residuals.
struct CandidateReader {
    /// `principal` or `resource`.
    let variable: Variable
    /// The type that is searched.
    let type: Name
    /// Everything that what is known leads to.
    let known: Entities

    /// - Parameter response: to a request without what is searched for.
    func candidates(_ response: PartialResponse, of policies: PolicySet) -> SearchCandidates {
        if response.decision == .deny { return .none }
        if response.satisfied.contains(where: { policies.policy($0)?.effect == .permit }) { return .all }
        return response.residuals.lazy.filter { $0.effect == .permit }
            .reduce(SearchCandidates.none) { $0.union(candidates(of: $1)) }
    }

    private func candidates(of policy: Policy) -> SearchCandidates {
        var found = candidates(of: variable == .principal ? policy.principal : policy.resource)
        for condition in policy.conditions {
            found = found.narrower(condition.kind == .when ? whenTrue(condition.body) : whenFalse(condition.body))
        }
        return found
    }

    private func candidates(of constraint: ScopeConstraint) -> SearchCandidates {
        switch constraint {
        case .equal(.entity(let uid)): exactly([uid])
        case .in(.entity(let group)): .some(exactly: [], groups: [group])
        case .isType(let name): name == type ? .all : .none
        case .isTypeIn(let name, .entity(let group)): name == type ? .some(exactly: [], groups: [group]) : .none
        case .any, .equal(.slot), .in(.slot), .isTypeIn(_, .slot): .all
        }
    }

    // MARK: Expressions

    /// Of whom an expression can be true.
    private func whenTrue(_ expr: Expr) -> SearchCandidates {
        switch expr.kind {
        case .literal(.bool(let value)): value ? .all : .none
        case .not(let operand): whenFalse(operand)
        case .and(let operands): operands.reduce(.all) { $0.narrower(whenTrue($1)) }
        case .or(let operands): operands.reduce(.none) { $0.union(whenTrue($1)) }
        case .conditional(let condition, let then, let otherwise):
            whenTrue(condition).narrower(whenTrue(then)).union(whenFalse(condition).narrower(whenTrue(otherwise)))
        case .binary(.equal, let left, let right): whenEqual(left, right)
        case .binary(.in, let left, let right): whenIn(left, right)
        case .binary(.contains, let set, let member) where isSearched(member):
            literals(of: set).map { exactly($0) } ?? .all
        case .isType(let operand, let name, let group) where isSearched(operand):
            if name != type {
                .none
            } else {
                group.flatMap(literals(of:)).map { .some(exactly: [], groups: Set($0)) } ?? .all
            }
        default: .all
        }
    }

    /// Of whom an expression can be false.
    private func whenFalse(_ expr: Expr) -> SearchCandidates {
        switch expr.kind {
        case .literal(.bool(let value)): value ? .none : .all
        case .not(let operand): whenTrue(operand)
        case .and(let operands): operands.reduce(.none) { $0.union(whenFalse($1)) }
        case .or(let operands): operands.reduce(.all) { $0.narrower(whenFalse($1)) }
        case .conditional(let condition, let then, let otherwise):
            whenTrue(condition).narrower(whenFalse(then)).union(whenFalse(condition).narrower(whenFalse(otherwise)))
        case .binary(.notEqual, let left, let right): whenEqual(left, right)
        default: .all
        }
    }

    private func whenEqual(_ left: Expr, _ right: Expr) -> SearchCandidates {
        let other = isSearched(left) ? right : isSearched(right) ? left : nil
        guard case .literal(.entity(let uid))? = other?.kind else { return .all }
        return exactly([uid])
    }

    private func whenIn(_ left: Expr, _ right: Expr) -> SearchCandidates {
        if isSearched(left) { return literals(of: right).map { .some(exactly: [], groups: Set($0)) } ?? .all }
        // What something known is in, is known.
        guard isSearched(right), case .literal(.entity(let uid)) = left.kind else { return .all }
        return exactly(known.ancestors(of: uid).union([uid]))
    }

    private func isSearched(_ expr: Expr) -> Bool { expr.kind == .variable(variable) }

    private func exactly(_ uids: some Sequence<EntityUID>) -> SearchCandidates {
        .some(exactly: Set(uids.lazy.filter { $0.type == type }), groups: [])
    }

    /// The entity or the entities that are written there; nil when it is anything else.
    private func literals(of expr: Expr) -> [EntityUID]? {
        if case .literal(.entity(let uid)) = expr.kind { return [uid] }
        guard case .set(let elements) = expr.kind else { return nil }
        var found: [EntityUID] = []
        for element in elements {
            guard case .literal(.entity(let uid)) = element.kind else { return nil }
            found.append(uid)
        }
        return found
    }
}
