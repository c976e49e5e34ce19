import StrictJSON

extension Limits {
    /// The same for reading a JSON document. Strings of the language may hold U+0000.
    public var json: JSONLimits {
        // An entity adds levels to those of its values; so do policies, whose operators are objects in arrays.
        JSONLimits(maxBytes: maximumBytes, maxDepth: 4 * maximumNesting, maxMembers: .max, allowsNUL: true)
    }
}
