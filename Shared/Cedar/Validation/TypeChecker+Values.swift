/// Sets, records and extension functions.
extension TypeChecker {
    mutating func checkSet(_ elements: [Expr], _ known: Capabilities, _ expr: Expr) -> Answer {
        if mode == .strict && elements.isEmpty {
            report(
                .emptySet, "an empty set has no type", help: "use `isEmpty()` to ask whether a set is empty", at: expr)
            return .invalid()
        }
        let answers = elements.map { check($0, known) }
        let types = answers.compactMap(\.type)
        guard types.count == answers.count else { return .invalid() }
        do {
            return Answer(.set(try StaticType.union(types, mode))).given(answers)
        } catch {
            reportIncompatible(types, error, "the elements of a set", at: expr)
            return .invalid()
        }
    }

    mutating func checkRecord(_ fields: [Expr.Field], _ known: Capabilities) -> Answer {
        var attributes: [CedarString: StaticRecord.Attribute] = [:]
        var answers: [Answer] = []
        for field in fields {
            let answer = check(field.value, known)
            answers.append(answer)
            if let type = answer.type {
                attributes[field.name] = StaticRecord.Attribute(type: type, isRequired: true)
            }
        }
        guard attributes.count == fields.count else { return .invalid() }
        return Answer(.record(StaticRecord(attributes))).given(answers)
    }

    mutating func checkCall(
        _ function: ExtensionFunction, _ arguments: [Expr], _ known: Capabilities, _ expr: Expr
    ) -> Answer {
        let (parameters, result) = function.signature
        var isValid = true
        if arguments.count != parameters.count {
            report(
                .wrongArgumentCount,
                "`\(function.rawValue)` takes \(parameters.count) argument(s), not \(arguments.count)", at: expr)
            isValid = false
        }
        if function.isConstructor {
            if arguments.count == 1, case .literal(.string(let text)) = arguments[0].kind,
                !function.accepts(text)
            {
                report(
                    .invalidExtensionArgument, "\(arguments[0].name) is no \(result)",
                    help: function.formHelp, at: expr)
                isValid = false
            }
            if mode == .strict && !arguments.allSatisfy(\.isLiteral) {
                report(
                    .nonLiteralExtensionArgument,
                    "`\(function.rawValue)` takes nothing but a string that is written down",
                    help: "give attributes and contexts the type `\(result)` in the schema", at: expr)
                isValid = false
            }
        }
        guard isValid else {
            for argument in arguments { _ = check(argument, known) }
            return .invalid(result)
        }
        var answers: [Answer] = []
        for (argument, type) in zip(arguments, parameters) { answers.append(expect([type], argument, known)) }
        return Answer(result).given(answers)
    }
}

extension Expr {
    fileprivate var isLiteral: Bool { if case .literal = kind { true } else { false } }
}

extension ExtensionFunction {
    /// The types of the arguments, with the receiver of a method, and of the result.
    fileprivate var signature: (parameters: [StaticType], result: StaticType) {
        let decimal = StaticType.extension(.decimal)
        let ip = StaticType.extension(.ipaddr)
        let datetime = StaticType.extension(.datetime)
        let duration = StaticType.extension(.duration)
        return switch self {
        case .decimal: ([.string], decimal)
        case .ip: ([.string], ip)
        case .datetime: ([.string], datetime)
        case .duration: ([.string], duration)
        case .lessThan, .lessThanOrEqual, .greaterThan, .greaterThanOrEqual: ([decimal, decimal], .bool)
        case .isIpv4, .isIpv6, .isLoopback, .isMulticast: ([ip], .bool)
        case .isInRange: ([ip, ip], .bool)
        case .offset: ([datetime, duration], datetime)
        case .durationSince: ([datetime, datetime], duration)
        case .toDate: ([datetime], datetime)
        case .toTime: ([datetime], duration)
        case .toMilliseconds, .toSeconds, .toMinutes, .toHours, .toDays: ([duration], .long)
        }
    }

    /// Whether this constructor makes a value of the text.
    fileprivate func accepts(_ text: CedarString) -> Bool { (try? apply([.string(text)])) != nil }

    fileprivate var formHelp: String? {
        switch self {
        case .decimal: "write digits, a point and one to four digits"
        case .ip: "write an IPv4 or IPv6 address, perhaps with `/` and the length of a prefix"
        case .datetime: "write `YYYY-MM-DD`, or `YYYY-MM-DDThh:mm:ss` with `Z` or an offset"
        case .duration: "write numbers with the units d, h, m, s and ms, in this order"
        default: nil
        }
    }
}
