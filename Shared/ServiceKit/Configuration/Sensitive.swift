/// A value that must not appear in logs, errors or dumps: it prints as `<redacted>`, whoever prints it.
public struct Sensitive<Value: Sendable>: Sendable {
    /// The value itself. Whoever reads it is responsible for where it goes.
    public let exposed: Value

    public init(_ value: Value) { exposed = value }

    public func withExposed<Result, Failure: Error>(
        _ body: (Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(exposed)
    }
}

extension Sensitive: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "<redacted>" }
    public var debugDescription: String { "<redacted>" }
    /// `dump` and string interpolation of an enclosing struct go by the mirror.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
