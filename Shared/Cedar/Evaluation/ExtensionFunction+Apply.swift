extension ExtensionFunction {
    /// The type that the function belongs to.
    public var type: ExtensionType {
        switch self {
        case .decimal, .lessThan, .lessThanOrEqual, .greaterThan, .greaterThanOrEqual: .decimal
        case .ip, .isIpv4, .isIpv6, .isLoopback, .isMulticast, .isInRange: .ipaddr
        case .datetime, .offset, .durationSince, .toDate, .toTime: .datetime
        case .duration, .toMilliseconds, .toSeconds, .toMinutes, .toHours, .toDays: .duration
        }
    }

    /// Calls the function; the receiver of a method is its first argument.
    ///
    /// - Throws: that there are too few or too many arguments, that one has another type, that a text is none of the type, or
    ///   that a result is beyond its range.
    public func apply(_ arguments: [Value]) throws(EvaluationError) -> Value {
        guard arguments.count == arity else {
            throw .extension(type, "`\(rawValue)` takes \(arity) arguments, not \(arguments.count)")
        }
        let first = arguments[0]
        switch self {
        case .decimal, .ip, .datetime, .duration: return try construct(first)
        case .lessThan: return .bool(try first.decimal() < arguments[1].decimal())
        case .lessThanOrEqual: return .bool(try first.decimal() <= arguments[1].decimal())
        case .greaterThan: return .bool(try first.decimal() > arguments[1].decimal())
        case .greaterThanOrEqual: return .bool(try first.decimal() >= arguments[1].decimal())
        case .isIpv4: return .bool(try first.ip().family == .v4)
        case .isIpv6: return .bool(try first.ip().family == .v6)
        case .isLoopback: return .bool(try first.ip().isLoopback)
        case .isMulticast: return .bool(try first.ip().isMulticast)
        case .isInRange: return .bool(try first.ip().isInRange(try arguments[1].ip()))
        case .offset:
            let (start, duration) = (try first.datetime(), try arguments[1].duration())
            return .extension(.datetime(try inRange(start.offset(by: duration))))
        case .durationSince:
            let (end, start) = (try first.datetime(), try arguments[1].datetime())
            return .extension(.duration(try inRange(end.duration(since: start))))
        case .toDate: return .extension(.datetime(try inRange(try first.datetime().startOfDay)))
        case .toTime: return .extension(.duration(try first.datetime().timeOfDay))
        // Towards zero, as the language defines it.
        case .toMilliseconds: return .int(try first.duration().milliseconds)
        case .toSeconds: return .int(try first.duration().milliseconds / 1000)
        case .toMinutes: return .int(try first.duration().milliseconds / 60_000)
        case .toHours: return .int(try first.duration().milliseconds / 3_600_000)
        case .toDays: return .int(try first.duration().milliseconds / 86_400_000)
        }
    }

    private func construct(_ argument: Value) throws(EvaluationError) -> Value {
        guard case .string(let text) = argument else { throw argument.mismatch("string") }
        guard let value = ExtensionValue(type, parsing: text.string) else {
            throw .extension(type, "\(StringLiteral.quoted(text.string)) is no \(type.rawValue)")
        }
        return .extension(value)
    }

    private func inRange<T>(_ result: T?) throws(EvaluationError) -> T {
        guard let result else { throw .extension(type, "the result of `\(rawValue)` is out of range") }
        return result
    }
}

extension Value {
    /// That a value of another type was expected.
    func mismatch(_ expected: String...) -> EvaluationError { .type(expected: expected, actual: kindName) }

    fileprivate func decimal() throws(EvaluationError) -> ExtensionValue.Decimal {
        guard case .extension(.decimal(let value)) = self else { throw mismatch("decimal") }
        return value
    }

    fileprivate func ip() throws(EvaluationError) -> ExtensionValue.IPAddress {
        guard case .extension(.ip(let value)) = self else { throw mismatch("ipaddr") }
        return value
    }

    fileprivate func datetime() throws(EvaluationError) -> ExtensionValue.Datetime {
        guard case .extension(.datetime(let value)) = self else { throw mismatch("datetime") }
        return value
    }

    fileprivate func duration() throws(EvaluationError) -> ExtensionValue.Duration {
        guard case .extension(.duration(let value)) = self else { throw mismatch("duration") }
        return value
    }
}
