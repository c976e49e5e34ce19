extension ExtensionType {
    /// The function that makes a value of a text.
    public var constructor: ExtensionFunction {
        switch self {
        case .decimal: .decimal
        case .ipaddr: .ip
        case .datetime: .datetime
        case .duration: .duration
        }
    }
}

extension ExtensionValue {
    public var type: ExtensionType {
        switch self {
        case .decimal: .decimal
        case .ip: .ipaddr
        case .datetime: .datetime
        case .duration: .duration
        }
    }

    /// Reads a value of the given type; nil when there is none with this text.
    public init?(_ type: ExtensionType, parsing text: String) {
        let value: ExtensionValue? =
            switch type {
            case .decimal: Decimal(parsing: text).map { .decimal($0) }
            case .ipaddr: IPAddress(parsing: text).map { .ip($0) }
            case .datetime: Datetime(parsing: text).map { .datetime($0) }
            case .duration: Duration(parsing: text).map { .duration($0) }
            }
        guard let value else { return nil }
        self = value
    }
}
