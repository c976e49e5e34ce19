extension PolicySet {
    /// Reads policies and templates. Their ids are `policy0`, `policy1`, … in the order of the text.
    ///
    /// - Throws: every mistake that was found.
    public init(parsing text: String, limits: Limits = Limits()) throws(Diagnostics) {
        try self.init(parsing: text, limits: limits) { _, policy in policy.id }
    }

    /// Reads policies and templates.
    ///
    /// - Parameter identify: gives the id of a policy that is the n-th of the text, counted from 0; the policy it is
    ///   given has the id `policyN`.
    /// - Throws: every mistake that was found, or that two policies have the same id.
    public init(
        parsing text: String, limits: Limits = Limits(), identify: (Int, Policy) -> PolicyID
    ) throws(Diagnostics) {
        var parser = try Parser(text, limits: limits)
        let policies = parser.policies()
        try parser.finish()
        self.init()
        var problems: [Diagnostic] = []
        for (index, policy) in policies.enumerated() {
            var policy = policy
            policy.id = identify(index, policy)
            do throws(PolicySetError) {
                try add(policy)
            } catch {
                problems.append(Diagnostic("a second policy with the id `\(policy.id)`", at: policy.range))
            }
        }
        guard problems.isEmpty else { throw Diagnostics(problems) }
    }
}

extension Policy {
    /// Reads one policy or template.
    ///
    /// - Throws: every mistake that was found.
    public init(parsing text: String, id: PolicyID, limits: Limits = Limits()) throws(Diagnostics) {
        self = try Parser.whole(text, limits) { parser throws(Diagnostic) in try parser.policy(id: id) }
    }
}

extension Expr {
    /// Reads an expression. `unknown("x")` is taken for something that partial evaluation does not know, so that
    /// residual expressions can be read; policies cannot use it.
    ///
    /// - Throws: every mistake that was found.
    public convenience init(parsing text: String, limits: Limits = Limits()) throws(Diagnostics) {
        let expr = try Parser.whole(text, limits, allowsUnknowns: true) { parser throws(Diagnostic) in
            try parser.expression()
        }
        self.init(expr.kind, range: expr.range)
    }
}

extension EntityUID {
    /// Reads `Type::"id"`.
    public init(parsing text: String) throws(Diagnostics) {
        self = try Parser.whole(text, Limits()) { parser throws(Diagnostic) in
            guard parser.current.kind == .word else { throw parser.unexpected("an entity") }
            let (path, range) = try parser.path()
            guard case .entity(let entity) = path else {
                throw Diagnostic("a name without an id", at: range, expected: ["`::\"id\"`"])
            }
            return entity
        }
    }
}

extension Parser {
    /// Reads a text that is one thing as a whole.
    fileprivate static func whole<T>(
        _ text: String, _ limits: Limits, allowsUnknowns: Bool = false,
        _ body: (inout Parser) throws(Diagnostic) -> T
    ) throws(Diagnostics) -> T {
        var parser = try Parser(text, limits: limits, allowsUnknowns: allowsUnknowns)
        let value: T
        do throws(Diagnostic) {
            value = try body(&parser)
            try parser.expectEnd()
        } catch {
            parser.note(error)
            try parser.finish()
            throw Diagnostics(error)
        }
        try parser.finish()
        return value
    }
}
