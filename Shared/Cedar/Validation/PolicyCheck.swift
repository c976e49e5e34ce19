/// Checks one policy or template.
struct PolicyCheck {
    let index: SchemaIndex
    let mode: ValidationMode
    /// How many entities may be looked up one through another; nil when that is not checked.
    let maximumDereferences: Int?
    let policy: Policy
    private(set) var errors: [ValidationIssue] = []
    private(set) var warnings: [ValidationIssue] = []
    private var seen: Set<ValidationIssue> = []

    init(index: SchemaIndex, mode: ValidationMode, maximumDereferences: Int?, policy: Policy) {
        self.index = index
        self.mode = mode
        self.maximumDereferences = maximumDereferences
        self.policy = policy
    }

    /// Everything there is to check.
    mutating func run() {
        let limit = Limits().maximumNesting
        guard policy.conditions.allSatisfy({ $0.body.depth <= limit }) else {
            report(.tooDeep, "a condition is nested more than \(limit) deep")
            return
        }
        guard policy.conditions.allSatisfy({ $0.body.coreSize(limit) != nil }) else {
            report(
                .tooDeep, "a condition is too large to be checked",
                help: "use `has` with one name and `is` without `in` where these are within each other")
            return
        }
        checkNames()
        checkApplication()
        checkTypes()
        errors.sort { ($0.range?.lower ?? 0) < ($1.range?.lower ?? 0) }
        warnings += TextWarnings.of(policy)
    }

    /// What is checked of a policy that was made of a template, which is checked itself.
    mutating func runLinked(_ link: TemplateLink) {
        for slot in Slot.allCases {
            if let uid = link.values[slot], !index.isKnown(uid.type) { reportUnknownType(uid.type, nil) }
        }
        checkApplication()
    }

    mutating func report(
        _ code: ValidationIssue.Code, _ message: String, help: String? = nil, at range: SourceRange? = nil
    ) {
        add(ValidationIssue(code, message, help: help, at: range))
    }

    mutating func addWarning(_ code: ValidationIssue.Code, _ message: String) {
        warnings.append(ValidationIssue(code, message, at: policy.range, policy: policy.id))
    }

    mutating func add(_ issue: ValidationIssue) {
        var issue = issue
        issue.policy = policy.id
        if issue.range == nil { issue.range = policy.range }
        // The same is found in many environments.
        if seen.insert(issue).inserted { errors.append(issue) }
    }
}

extension PolicyCheck {
    /// Names of types, actions and enumerated entities must be in the schema.
    private mutating func checkNames() {
        checkNames(policy.principal)
        switch policy.action {
        case .any: break
        case .equal(let action), .in(let action): checkName(action, nil)
        case .inAny(let actions): for action in actions { checkName(action, nil) }
        }
        checkNames(policy.resource)
        for condition in policy.conditions { checkNames(condition.body) }
    }

    private mutating func checkNames(_ constraint: ScopeConstraint) {
        switch constraint {
        case .equal(.entity(let uid)), .in(.entity(let uid)): checkName(uid, nil)
        case .isType(let type), .isTypeIn(let type, .slot): checkName(type, nil)
        case .isTypeIn(let type, .entity(let uid)):
            checkName(type, nil)
            checkName(uid, nil)
        case .any, .equal(.slot), .in(.slot): break
        }
    }

    private mutating func checkNames(_ expr: Expr) {
        switch expr.kind {
        case .literal(.entity(let uid)): checkName(uid, expr.range)
        case .isType(_, let type, _): checkName(type, expr.range)
        default: break
        }
        for child in expr.children { checkNames(child) }
    }

    private mutating func checkName(_ type: Name, _ range: SourceRange?) {
        if !index.isKnown(type) { reportUnknownType(type, range) }
    }

    private mutating func reportUnknownType(_ type: Name, _ range: SourceRange?) {
        let names = index.schema.entityTypes.keys.sorted().map(\.text)
        report(
            .unknownEntityType, "entity type `\(type)` is not in the schema",
            help: names.first { $0.hasSuffix("::" + type.text) }.map { "did you mean `\($0)`?" }
                ?? Suggestion.help(for: type.text, among: names), at: range)
    }

    private mutating func checkName(_ uid: EntityUID, _ range: SourceRange?) {
        if uid.isAction {
            guard index.action(uid) == nil else { return }
            report(
                .unknownAction, "action `\(uid)` is not in the schema",
                help: Suggestion.help(for: uid.description, among: index.actions.map(\.definition.uid.description)),
                at: range)
        } else if let type = index.schema.entityTypes[uid.type] {
            guard let ids = type.enumeration, !ids.contains(uid.id) else { return }
            report(
                .unknownEnumeratedID, "`\(uid)` is none of the entities of type `\(uid.type)`",
                help: "these are \(ids.map { StringLiteral.quoted($0.string) }.joined(separator: ", "))", at: range)
        } else {
            reportUnknownType(uid.type, range)
        }
    }
}
