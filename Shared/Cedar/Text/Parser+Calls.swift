/// The methods that are no functions of an extension.
enum BuiltinMethod {
    static let names = BinaryOperator.allCases.filter(\.isMethod).map(\.rawValue) + ["isEmpty"]
}

extension Parser {
    /// A call `receiver.name(arguments)`. How many arguments an extension function takes is not looked at here, as in
    /// the reference: the validator and evaluation do.
    func methodKind(_ name: String, of receiver: Expr, _ arguments: [Expr]) -> Result<Expr.Kind, Diagnostic> {
        if let symbol = BinaryOperator(rawValue: name), symbol.isMethod {
            guard arguments.count == 1 else { return .failure(wrongCount(name, 1, arguments.count)) }
            return .success(.binary(symbol, receiver, arguments[0]))
        }
        if name == "isEmpty" {
            guard arguments.isEmpty else { return .failure(wrongCount(name, 0, arguments.count)) }
            return .success(.isEmpty(receiver))
        }
        guard let function = ExtensionFunction(rawValue: name) else {
            let methods = ExtensionFunction.allCases.filter { !$0.isConstructor }.map(\.rawValue)
            return .failure(
                Diagnostic(
                    "there is no method `\(name)`", expected: [],
                    help: Suggestion.help(for: name, among: BuiltinMethod.names + methods)))
        }
        guard !function.isConstructor else {
            return .failure(Diagnostic("`\(name)` is a function, not a method", help: "write `\(name)(…)`"))
        }
        return .success(.call(function, [receiver] + arguments))
    }

    private func wrongCount(_ name: String, _ expected: Int, _ count: Int) -> Diagnostic {
        let arguments = expected == 1 ? "one argument" : "no argument"
        return Diagnostic("`\(name)` takes \(arguments), not \(count)")
    }

    /// A call of a method. A mistake is noted.
    @inline(never)
    mutating func method(
        _ name: Token, of receiver: Expr, _ arguments: [Expr], _ range: SourceRange
    ) throws(Diagnostic) -> Expr {
        switch methodKind(text(of: name), of: receiver, arguments) {
        case .success(let kind): return try expr(kind, range)
        case .failure(var problem):
            problem.range = name.range
            note(problem)
            return receiver
        }
    }

    /// A call of a function. A mistake is noted.
    @inline(never)
    mutating func function(
        _ name: Name, _ nameRange: SourceRange, _ arguments: [Expr], _ range: SourceRange
    ) throws(Diagnostic) -> Expr {
        if let function = ExtensionFunction(rawValue: name.text), function.isConstructor {
            return try expr(.call(function, arguments), range)
        }
        if allowsUnknowns, name.text == "unknown", arguments.count == 1,
            case .literal(.string(let unknown)) = arguments[0].kind
        {
            return Expr(.unknown(unknown), range: range)
        }
        let shown = shown(nameRange)
        if ExtensionFunction(rawValue: name.text) != nil || BuiltinMethod.names.contains(name.text) {
            note("`\(shown)` is a method, not a function", at: nameRange, help: "write `….\(shown)(…)`")
        } else {
            let functions = ExtensionFunction.allCases.filter(\.isConstructor).map(\.rawValue)
            note(
                "there is no function `\(shown)`", at: nameRange,
                help: Suggestion.help(for: name.text, among: functions)
                    ?? "functions are \(functions.map { "`\($0)`" }.joined(separator: ", "))")
        }
        return Expr(.literal(.bool(false)), range: range)
    }
}
