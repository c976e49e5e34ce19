import StrictJSON

extension PolicyJSONReader {
    /// Reads an expression.
    mutating func expr(_ json: JSONValue, level: Int = 1) throws(Diagnostic) -> Expr {
        try check(level)
        guard let object = json.object, object.count == 1, let (key, body) = object.members.first else {
            throw problem("an expression is an object with one member, its operator")
        }
        if key == "&&" || key == "||" { return try chain(key, json, level) }
        enter(key)
        let kind = try kind(key, body, level + 1)
        leave()
        return try make(kind)
    }

    private func check(_ level: Int) throws(Diagnostic) {
        guard level <= limits.maximumNesting else { throw tooDeep }
    }

    private var tooDeep: Diagnostic { problem("more than \(limits.maximumNesting) levels of nesting") }

    @inline(never)
    private func make(_ kind: Expr.Kind) throws(Diagnostic) -> Expr {
        let expr = Expr(kind)
        guard expr.depth <= limits.maximumNesting else { throw tooDeep }
        return expr
    }

    private mutating func operand(
        _ name: String, _ object: JSONObject, _ level: Int
    ) throws(Diagnostic) -> Expr {
        let json = try member(name, of: object)
        enter(name)
        let expr = try expr(json, level: level)
        leave()
        return expr
    }

    @inline(never)
    private mutating func exprs(_ json: JSONValue, _ level: Int) throws(Diagnostic) -> [Expr] {
        guard let array = json.array else { throw problem("not an array") }
        var exprs: [Expr] = []
        for (index, element) in array.enumerated() {
            enter(String(index))
            exprs.append(try expr(element, level: level))
            leave()
        }
        return exprs
    }

    /// `&&` and `||` nested in their left operands are one chain, however long.
    @inline(never)
    private mutating func chain(_ key: String, _ json: JSONValue, _ level: Int) throws(Diagnostic) -> Expr {
        var right: [JSONValue] = []
        var left = json
        while let body = left[key], left.object?.count == 1 {
            let operands = try at(key).object(body, allowed: ["left", "right"])
            right.append(try at(key).member("right", of: operands))
            left = try at(key).member("left", of: operands)
        }
        var exprs: [Expr] = []
        for (index, operand) in ([left] + right.reversed()).enumerated() {
            enter("\(key)[\(index)]")
            exprs.append(try expr(operand, level: level + 1))
            leave()
        }
        return try make(key == "&&" ? .and(exprs) : .or(exprs))
    }

    private mutating func kind(_ key: String, _ body: JSONValue, _ level: Int) throws(Diagnostic) -> Expr.Kind {
        if let symbol = BinaryOperator(rawValue: key) {
            let operands = try object(body, allowed: ["left", "right"])
            let left = try operand("left", operands, level)
            return .binary(symbol, left, try operand("right", operands, level))
        }
        if let function = ExtensionFunction(rawValue: key) { return .call(function, try exprs(body, level)) }
        switch key {
        case "Value": return try value(body, level - 1).kind
        case "Var":
            guard let variable = body.string.flatMap({ Variable(rawValue: $0) }) else {
                throw problem("not a variable", expected: Variable.allCases.map { "`\($0.rawValue)`" })
            }
            return .variable(variable)
        case "Slot": throw problem("slots stand only in the scope")
        case "!": return .not(try argument(body, level))
        case "neg": return .negate(try argument(body, level))
        case "isEmpty": return .isEmpty(try argument(body, level))
        case ".":
            let members = try object(body, allowed: ["left", "attr"])
            let name = CedarString(try string("attr", of: members))
            return .attribute(try operand("left", members, level), name)
        case "has": return try has(body, level)
        case "like": return try like(body, level)
        case "is": return try isType(body, level)
        case "if-then-else": return try conditional(body, level)
        case "Set": return .set(try exprs(body, level))
        case "Record": return try record(body, level)
        case "unknown" where allowsUnknowns: return try unknown(body, level)
        default: throw noSuchOperator(key)
        }
    }

    @inline(never)
    private func noSuchOperator(_ key: String) -> Diagnostic {
        let names = BinaryOperator.allCases.map(\.rawValue) + ExtensionFunction.allCases.map(\.rawValue)
        let others = ["Value", "Var", "neg", "isEmpty", "has", "like", "is", "if-then-else", "Set", "Record"]
        return problem("there is no operator of this name", help: Suggestion.help(for: key, among: names + others))
    }

    @inline(never)
    private mutating func unknown(_ body: JSONValue, _ level: Int) throws(Diagnostic) -> Expr.Kind {
        let arguments = try exprs(body, level)
        guard arguments.count == 1, case .literal(.string(let name)) = arguments[0].kind else {
            throw problem("`unknown` takes one string")
        }
        return .unknown(name)
    }

    @inline(never)
    private mutating func like(_ body: JSONValue, _ level: Int) throws(Diagnostic) -> Expr.Kind {
        let members = try object(body, allowed: ["left", "pattern"])
        let elements = try array("pattern", of: members)
        let pattern = try at("pattern").pattern(elements)
        return .like(try operand("left", members, level), pattern)
    }

    @inline(never)
    private mutating func isType(_ body: JSONValue, _ level: Int) throws(Diagnostic) -> Expr.Kind {
        let members = try object(body, allowed: ["left", "entity_type", "in"])
        let type = try at("entity_type").typeName(try string("entity_type", of: members))
        let left = try operand("left", members, level)
        return .isType(left, type, in: members["in"] == nil ? nil : try operand("in", members, level))
    }

    @inline(never)
    private mutating func conditional(_ body: JSONValue, _ level: Int) throws(Diagnostic) -> Expr.Kind {
        let members = try object(body, allowed: ["if", "then", "else"])
        let condition = try operand("if", members, level)
        let then = try operand("then", members, level)
        return .conditional(if: condition, then: then, else: try operand("else", members, level))
    }

    @inline(never)
    private mutating func record(_ body: JSONValue, _ level: Int) throws(Diagnostic) -> Expr.Kind {
        guard let object = body.object else { throw problem("not an object") }
        var fields: [Expr.Field] = []
        for (name, value) in object.members {
            enter(name)
            fields.append(Expr.Field(name: CedarString(name), value: try expr(value, level: level)))
            leave()
        }
        return .record(fields)
    }

    @inline(never)
    private mutating func argument(_ body: JSONValue, _ level: Int) throws(Diagnostic) -> Expr {
        try operand("arg", try object(body, allowed: ["arg"]), level)
    }

    // MARK: `has` and `like`

    /// `attr` is a name, or an array of names as after `has a.b.c`.
    @inline(never)
    private mutating func has(_ body: JSONValue, _ level: Int) throws(Diagnostic) -> Expr.Kind {
        let members = try object(body, allowed: ["left", "attr"])
        let left = try operand("left", members, level)
        let attribute = try member("attr", of: members)
        if let name = attribute.string { return .has(left, [CedarString(name)]) }
        guard let names = attribute.strings, !names.isEmpty else {
            throw at("attr").problem("neither a string nor an array of strings")
        }
        guard names.count + left.depth <= limits.maximumNesting else { throw tooDeep }
        // Others have no form in texts; there each test repeats the operand.
        guard names.count == 1 || left.isPath || names.allSatisfy({ Name.isIdentifier($0) }) else {
            throw at("attr").problem("a path of names that are no identifiers", help: "test one after the other")
        }
        return .has(left, names.map { CedarString($0) })
    }

    private func pattern(_ elements: [JSONValue]) throws(Diagnostic) -> Pattern {
        var pattern: [Pattern.Element] = []
        for (index, element) in elements.enumerated() {
            if element.string == "Wildcard" {
                pattern.append(.wildcard)
            } else if let literal = element["Literal"]?.string, element.object?.count == 1 {
                pattern += literal.unicodeScalars.map { .scalar($0) }
            } else {
                throw at(String(index)).problem(
                    "no element of a pattern", expected: ["\"Wildcard\"", "{\"Literal\": \"…\"}"])
            }
        }
        return Pattern(pattern)
    }

    // MARK: Values

    /// Reads a value: JSON as it is, and `__entity` and `__extn` for what JSON has not.
    @inline(never)
    private mutating func value(_ json: JSONValue, _ level: Int) throws(Diagnostic) -> Expr {
        try check(level)
        switch json {
        case .bool(let value): return Expr(.literal(.bool(value)))
        case .int(let value): return Expr(.literal(.int(value)))
        case .string(let value): return Expr(.literal(.string(CedarString(value))))
        case .null: throw problem("there is no null")
        case .double: throw problem("no whole number of 64 bits")
        case .array(let elements): return try make(.set(try values(elements, level)))
        case .object(let object):
            if object.count == 1 {
                if object["__entity"] != nil { return Expr(.literal(.entity(try entity(json)))) }
                if let call = object["__extn"] { return try make(try at("__extn").call(call, level)) }
                if object["__expr"] != nil { throw problem("`__expr` is no longer part of the format") }
            }
            var fields: [Expr.Field] = []
            for (name, member) in object.members {
                enter(name)
                fields.append(Expr.Field(name: CedarString(name), value: try value(member, level + 1)))
                leave()
            }
            return try make(.record(fields))
        }
    }

    private mutating func values(_ elements: [JSONValue], _ level: Int) throws(Diagnostic) -> [Expr] {
        var exprs: [Expr] = []
        for (index, element) in elements.enumerated() {
            enter(String(index))
            exprs.append(try value(element, level + 1))
            leave()
        }
        return exprs
    }

    /// `{"fn": …, "arg": …}` or `{"fn": …, "args": […]}`.
    private func call(_ json: JSONValue, _ level: Int) throws(Diagnostic) -> Expr.Kind {
        var reader = self
        let members = try object(json, allowed: ["fn", "arg", "args"])
        let name = try reader.string("fn", of: members)
        guard let function = ExtensionFunction(rawValue: name) else {
            throw at("fn").problem(
                "there is no function `\(name)`",
                help: Suggestion.help(for: name, among: ExtensionFunction.allCases.map(\.rawValue)))
        }
        guard (members["arg"] == nil) != (members["args"] == nil) else {
            throw problem("either `arg` or `args` is needed")
        }
        if let argument = members["arg"] { return .call(function, [try reader.value(argument, level + 1)]) }
        return .call(function, try reader.values(try reader.array("args", of: members), level))
    }
}

extension Expr {
    /// Whether this is a variable or literal with attributes behind it: no more than its text is long.
    var isPath: Bool {
        var expr = self
        while case .attribute(let receiver, _) = expr.kind { expr = receiver }
        switch expr.kind {
        case .variable, .literal, .unknown: return true
        default: return false
        }
    }
}
