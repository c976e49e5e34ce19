/// The functions of the extension types `decimal`, `ipaddr`, `datetime` and `duration`.
public enum ExtensionFunction: String, Sendable, Hashable, CaseIterable {
    case decimal, lessThan, lessThanOrEqual, greaterThan, greaterThanOrEqual
    case ip, isIpv4, isIpv6, isLoopback, isMulticast, isInRange
    case datetime, duration, offset, durationSince, toDate, toTime
    case toMilliseconds, toSeconds, toMinutes, toHours, toDays

    /// Whether it is written `name(argument)` and makes a value of a string; the others are methods.
    public var isConstructor: Bool {
        switch self {
        case .decimal, .ip, .datetime, .duration: true
        default: false
        }
    }

    /// How many arguments it takes, with the receiver of a method.
    public var arity: Int {
        switch self {
        case .lessThan, .lessThanOrEqual, .greaterThan, .greaterThanOrEqual, .isInRange, .offset, .durationSince: 2
        default: 1
        }
    }
}

/// The extension types. The raw value is the name in schemas.
public enum ExtensionType: String, Sendable, Hashable, CaseIterable {
    case decimal, ipaddr, datetime, duration
}
