/// Attributes, tags and the types of entities.
extension TypeChecker {
    mutating func checkAttribute(
        _ operand: Expr, _ name: CedarString, _ known: Capabilities, _ expr: Expr
    ) -> Answer {
        let owner = expect([.anyEntity, .anyRecord], operand, known)
        guard let type = owner.type else { return .invalid() }
        guard let attribute = index.attribute(name, of: type) else {
            reportNoAttribute(name, operand, type, expr)
            return .invalid()
        }
        if attribute.isRequired || known.contains(Capability(expr: operand, key: .attribute(name))) {
            return Answer(attribute.type).given(owner)
        }
        let test = Name.isIdentifier(name.string) ? name.string : StringLiteral.quoted(name.string)
        report(
            .unsafeOptionalAttribute, "\(expr.name) is optional and may be missing",
            help: "ask `\(operand.path ?? "e") has \(test) && …` before", at: expr)
        return .invalid(attribute.type)
    }

    private mutating func reportNoAttribute(_ name: CedarString, _ operand: Expr, _ type: StaticType, _ expr: Expr) {
        let help: String? =
            if index.mayHave(name, type) {
                "not every value that may stand there has it with one type; ask `is` before"
            } else if let near = Suggestion.nearest(
                to: name.string, among: index.attributeNames(of: type).map(\.string))
            {
                "did you mean `\(near)`?"
            } else {
                nil
            }
        let owner =
            switch type {
            case .entity(let types): "entities of type \(types.names.map { "`\($0)`" }.joined(separator: " or "))"
            case .anyEntity: "an entity of unknown type"
            default: operand.path.map { "`\($0)`" } ?? "the record"
            }
        report(.noSuchAttribute, "there is no attribute `\(name)` in \(owner)", help: help, at: expr)
    }

    /// `e has name`; `Expr.core` leaves one name.
    mutating func checkHas(_ operand: Expr, _ names: [CedarString], _ known: Capabilities) -> Answer {
        let owner = expect([.anyEntity, .anyRecord], operand, known) { type in
            switch type {
            case .set, .anySet: "use `contains` to ask whether a set has an element"
            case .string: "use `like` to look into a string"
            default: nil
            }
        }
        guard let type = owner.type, let name = names.first else { return .invalid(.bool) }
        guard let attribute = index.attribute(name, of: type) else {
            return Answer(index.mayHave(name, type) ? .bool : .no).given(owner)
        }
        let capability = Capability(expr: operand, key: .attribute(name))
        // An entity that does not exist has no attributes, not even required ones.
        let isCertain =
            if case .record = type, attribute.isRequired { true } else { known.contains(capability) }
        return Answer(isCertain ? .yes : .bool, proven: Capabilities(capability)).given(owner)
    }

    mutating func checkLike(_ operand: Expr, _ known: Capabilities) -> Answer {
        expect([.string], operand, known) { type in
            switch type {
            case .entity, .anyEntity: "use `is` to ask for the type of an entity"
            default: nil
            }
        }.typed(.bool)
    }

    mutating func checkIsEmpty(_ operand: Expr, _ known: Capabilities) -> Answer {
        expect([.anySet], operand, known) { $0 == .string ? "use `== \"\"` to ask whether a string is empty" : nil }
            .typed(.bool)
    }

    mutating func checkIs(_ operand: Expr, _ type: Name, _ known: Capabilities) -> Answer {
        let answer = expect([.anyEntity], operand, known) { _ in "only entities have types that `is` can ask for" }
        guard case .entity(let types) = answer.type else { return answer.typed(.bool) }
        if !types.contains(type) { return answer.typed(.no) }
        return answer.typed(types.only == type ? .yes : .bool)
    }

    mutating func checkHasTag(_ operand: Expr, _ tag: Expr, _ known: Capabilities) -> Answer {
        let owner = expect([.anyEntity], operand, known)
        let key = expect([.string], tag, known)
        guard let type = owner.type else { return .invalid() }
        let capability = Capability(expr: operand, key: .tag(tag))
        let result: StaticType =
            if index.tagTypes(of: type).isEmpty { .no } else if known.contains(capability) { .yes } else { .bool }
        return Answer(result, proven: Capabilities(capability)).given(owner, key)
    }

    mutating func checkGetTag(_ operand: Expr, _ tag: Expr, _ known: Capabilities, _ expr: Expr) -> Answer {
        let owner = expect([.anyEntity], operand, known)
        let key = expect([.string], tag, known)
        guard let type = owner.type else { return .invalid() }
        guard known.contains(Capability(expr: operand, key: .tag(tag))) else {
            report(
                .unsafeTag, "tag \(tag.name) of \(operand.name) may be missing",
                help: "ask `\(operand.path ?? "e").hasTag(…) && …` with the same tag before", at: expr)
            return .invalid()
        }
        let types = index.tagTypes(of: type)
        guard !types.isEmpty else {
            report(.noSuchTag, "entities of type \(type) have no tags", help: "declare `tags` in the schema", at: expr)
            return .invalid()
        }
        do {
            return Answer(try StaticType.union(types, mode)).given(owner, key)
        } catch {
            reportIncompatible(types, error, "the tags that `getTag` may give", at: expr)
            return .invalid()
        }
    }
}
