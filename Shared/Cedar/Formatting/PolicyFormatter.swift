/// Lays out a text of policies anew. Every token and every comment stays, so that the policies mean the same.
///
/// What fits on a line stands on one; else it is broken at the outermost place. Formatting twice changes nothing more.
public struct PolicyFormatter: Sendable {
    /// Columns that lines should not go beyond.
    public var lineWidth: Int
    /// Columns of a level of indentation.
    public var indentWidth: Int
    public var limits: Limits

    public init(lineWidth: Int = 80, indentWidth: Int = 2, limits: Limits = Limits()) {
        self.lineWidth = lineWidth
        self.indentWidth = indentWidth
        self.limits = limits
    }

    /// - Throws: what is wrong with the policies; only those that can be read are formatted.
    public func format(_ text: String) throws(Diagnostics) -> String {
        var parser = try Parser(text, limits: limits)
        _ = parser.policies()
        try parser.finish()
        var builder = LayoutBuilder(CommentedToken.all(of: text))
        let layout = builder.policies()
        var renderer = LayoutRenderer(lineWidth: max(lineWidth, 1), indentWidth: max(indentWidth, 0))
        return renderer.render(layout)
    }
}
