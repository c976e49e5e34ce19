/// A token with the comments that belong to it.
struct CommentedToken {
    struct Comment {
        /// From `//` on, without white space at its end.
        let text: String
        let followsBlankLine: Bool
    }

    let kind: Token.Kind
    let text: String
    /// Comments on lines of their own before it.
    var leading: [Comment]
    /// The comment behind it on its line.
    var trailing: String?
    /// Whether a blank line stands between its last leading comment and itself.
    let followsBlankLine: Bool

    /// The tokens of a text; the last one is its end.
    static func all(of text: String) -> [CommentedToken] {
        var lexer = Lexer(text, keepsComments: true)
        var tokens: [CommentedToken] = []
        var comments: [Comment] = []
        var end = 0
        while true {
            let token = lexer.next()
            let lineBreaks = lineBreaks(in: lexer.bytes[end..<token.range.lower])
            end = token.range.upper
            if token.kind == .comment {
                var text = Substring(lexer.text(of: token))
                while text.last?.isWhitespace == true { text.removeLast() }
                if lineBreaks == 0, comments.isEmpty, !tokens.isEmpty {
                    tokens[tokens.count - 1].trailing = String(text)
                } else {
                    comments.append(Comment(text: String(text), followsBlankLine: lineBreaks > 1))
                }
                continue
            }
            tokens.append(
                CommentedToken(
                    kind: token.kind, text: lexer.text(of: token), leading: comments, trailing: nil,
                    followsBlankLine: lineBreaks > 1))
            comments = []
            if token.kind == .end { return tokens }
        }
    }

    private static func lineBreaks(in bytes: ArraySlice<UInt8>) -> Int {
        var count = 0
        var previous: UInt8 = 0
        for byte in bytes {
            if byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n") && previous != UInt8(ascii: "\r") { count += 1 }
            previous = byte
        }
        return count
    }
}
