extension Validator {
    /// Checks that the action is one of the schema, that it can be asked for this principal and resource, and that the
    /// context is what it takes.
    public func validate(request: AuthorizationRequest) -> [ValidationIssue] {
        var check = ValueCheck(index)
        check.check(party: request.principal, "principal")
        check.check(party: request.resource, "resource")
        guard let action = index.action(request.action) else {
            check.report(
                .unknownAction, "action `\(request.action)` is not in the schema",
                help: Suggestion.help(
                    for: request.action.description, among: index.actions.map(\.definition.uid.description)))
            return check.issues
        }
        check.check(
            request.principal, "principal", .wrongPrincipalType, allowed: action.principals, of: request.action)
        check.check(request.resource, "resource", .wrongResourceType, allowed: action.resources, of: request.action)
        return check.issues + validate(context: request.context, action: action)
    }

    /// Checks a context for an action.
    public func validate(context: Record, for action: EntityUID) -> [ValidationIssue] {
        guard let known = index.action(action) else {
            return [ValidationIssue(.unknownAction, "action `\(action)` is not in the schema")]
        }
        return validate(context: context, action: known)
    }

    private func validate(context: Record, action: SchemaIndex.Action) -> [ValidationIssue] {
        guard case .record(let type) = action.context else { return [] }
        var check = ValueCheck(index)
        check.check(context, type, at: "context")
        return check.issues
    }
}

extension ValueCheck {
    fileprivate mutating func check(party: EntityUID, _ role: String) {
        if index.schema.entityTypes[party.type] == nil {
            report(
                .unknownEntityType, "entity type `\(party.type)` of the \(role) is not in the schema",
                help: Suggestion.help(for: party.type.text, among: index.schema.entityTypes.keys.map(\.text)))
        } else {
            checkName(party, at: "the \(role)")
        }
    }

    fileprivate mutating func check(
        _ party: EntityUID, _ role: String, _ code: ValidationIssue.Code, allowed: [SchemaIndex.Party],
        of action: EntityUID
    ) {
        guard index.schema.entityTypes[party.type] != nil, !allowed.contains(where: { $0.name == party.type }) else {
            return
        }
        let types = allowed.map { "`\($0.name)`" }.joined(separator: ", ")
        report(
            code, "`\(action)` takes no \(role) of type `\(party.type)`",
            help: types.isEmpty ? "it takes none" : "it takes \(types)")
    }
}
