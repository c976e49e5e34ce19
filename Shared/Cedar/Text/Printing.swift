extension Expr {
    /// As it is written in a policy; reading it gives an equal expression.
    public var text: String {
        var printer = Printer()
        printer.write(self)
        return printer.text
    }
}

extension Policy {
    /// As it is written in a text of policies; reading it gives an equal policy. Its id is no part of it.
    public var text: String {
        var printer = Printer()
        for annotation in annotations { printer.append(annotation.text + "\n") }
        printer.append(
            "\(effect.rawValue) (\(principal.text(of: .principal)), \(action.text), \(resource.text(of: .resource)))")
        for condition in conditions {
            printer.append("\n\(condition.kind.rawValue) { ")
            printer.write(condition.body)
            printer.append(" }")
        }
        printer.append(";")
        return printer.text
    }
}

extension PolicySet {
    /// Policies and templates as one text, in the order of the text they were read from. Ids are no part of it, and
    /// what was linked from a template is written with its slots filled.
    public var text: String {
        (templates + policies).enumerated()
            .sorted { ($0.element.range?.lower ?? .max, $0.offset) < ($1.element.range?.lower ?? .max, $1.offset) }
            .map { $0.element.text + "\n" }
            .joined(separator: "\n")
    }
}

extension Annotation {
    var text: String { "@\(key)" + (value.map { "(\(StringLiteral.quoted($0)))" } ?? "") }
}

extension ScopeConstraint {
    func text(of variable: Slot) -> String {
        func written(_ reference: EntityReference) -> String {
            switch reference {
            case .entity(let entity): entity.description
            case .slot: "?\(variable.rawValue)"
            }
        }
        return variable.rawValue
            + {
                switch self {
                case .any: ""
                case .equal(let reference): " == \(written(reference))"
                case .in(let reference): " in \(written(reference))"
                case .isType(let type): " is \(type)"
                case .isTypeIn(let type, let reference): " is \(type) in \(written(reference))"
                }
            }()
    }
}

extension ActionConstraint {
    var text: String {
        switch self {
        case .any: "action"
        case .equal(let entity): "action == \(entity)"
        case .in(let entity): "action in \(entity)"
        case .inAny(let entities): "action in [\(entities.map(\.description).joined(separator: ", "))]"
        }
    }
}
