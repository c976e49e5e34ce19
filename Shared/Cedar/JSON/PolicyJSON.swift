import StrictJSON

extension Expr {
    /// Reads an expression of the JSON format of policies. `unknown` is taken for something that partial evaluation
    /// does not know, so that residual expressions can be read; policies cannot use it.
    ///
    /// - Throws: the first mistake.
    public convenience init(json: JSONValue, limits: Limits = Limits()) throws(Diagnostics) {
        var reader = PolicyJSONReader(limits: limits, allowsUnknowns: true)
        let expr: Expr
        do throws(Diagnostic) { expr = try reader.expr(json) } catch { throw Diagnostics(error) }
        self.init(expr.kind)
    }

    /// In the JSON format of policies. Very long chains of `&&` or `||` are grouped, with the same meaning.
    public var json: JSONValue { PolicyJSONWriter.json(self) }
}

extension Policy {
    /// Reads a policy or template in the JSON format.
    ///
    /// - Throws: the first mistake.
    public init(json: JSONValue, id: PolicyID, limits: Limits = Limits()) throws(Diagnostics) {
        var reader = PolicyJSONReader(limits: limits)
        do throws(Diagnostic) { self = try reader.policy(json, id: id) } catch { throw Diagnostics(error) }
    }

    /// In the JSON format of policies. Its id is no part of it.
    public var json: JSONValue { PolicyJSONWriter.json(self) }
}

extension PolicySet {
    /// Reads policies, templates and links: `{"staticPolicies": {…}, "templates": {…}, "templateLinks": […]}`.
    ///
    /// - Throws: the first mistake.
    public init(json: JSONValue, limits: Limits = Limits()) throws(Diagnostics) {
        var reader = PolicyJSONReader(limits: limits)
        do throws(Diagnostic) { self = try reader.policySet(json) } catch { throw Diagnostics(error) }
    }

    /// In the JSON format of policy sets.
    public var json: JSONValue { PolicyJSONWriter.json(self) }
}
