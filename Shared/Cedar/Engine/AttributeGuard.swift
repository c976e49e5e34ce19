/// A first conjunct `variable.attribute == literal` of a policy's conditions: unless it holds, the policy does not apply,
/// and nothing else of it is evaluated.
struct AttributeGuard: Hashable {
    struct Place: Hashable {
        let variable: Variable
        let attribute: CedarString
        /// Whether `variable has attribute &&` stands before it, so that a missing attribute is no error.
        var isChecked = false
    }

    let place: Place
    let value: Value

    init?(_ policy: Policy) {
        guard let first = policy.conditions.first, first.kind == .when else { return nil }
        var conjuncts = AttributeGuard.conjuncts(first.body)[...]
        var checked: Place?
        if let head = conjuncts.first, case .has(let e, let path) = head.kind, path.count == 1,
            case .variable(let variable) = e.kind
        {
            checked = Place(variable: variable, attribute: path[0])
            conjuncts.removeFirst()
        }
        guard let equality = conjuncts.first, case .binary(.equal, let left, let right) = equality.kind,
            let (place, value) = AttributeGuard.sides(left, right) ?? AttributeGuard.sides(right, left),
            checked == nil || checked == place
        else { return nil }
        self.place = Place(variable: place.variable, attribute: place.attribute, isChecked: checked != nil)
        self.value = value
    }

    private static func conjuncts(_ expr: Expr) -> [Expr] {
        if case .and(let operands) = expr.kind { return operands.flatMap { conjuncts($0) } }
        return [expr]
    }

    private static func sides(_ attribute: Expr, _ literal: Expr) -> (Place, Value)? {
        guard case .attribute(let e, let name) = attribute.kind, case .variable(let variable) = e.kind,
            case .literal(let literal) = literal.kind
        else { return nil }
        return (Place(variable: variable, attribute: name), literal.value)
    }
}
