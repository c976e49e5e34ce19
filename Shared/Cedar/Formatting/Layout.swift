/// What is to be printed, with the places where lines may be broken.
indirect enum Layout {
    case token(CommentedToken)
    /// The comments before a token; the token itself comes without them.
    case comments([CommentedToken.Comment], keepsBlankLines: Bool)
    /// A blank, unless a line begins here.
    case space
    /// A blank, or a new line where the group is broken.
    case line
    /// Nothing, or a new line where the group is broken.
    case softLine
    case hardLine
    case blankLine
    case nest([Layout])
    /// On one line if it fits, else broken at each `line` that stands directly in it.
    case group([Layout])
    case sequence([Layout])
}

/// Prints a layout: greedily, each group on the line where it fits.
struct LayoutRenderer {
    private struct Item {
        let layout: Layout
        let indent: Int
        let isFlat: Bool
    }

    private let lineWidth: Int
    private let indentWidth: Int
    private var output = ""
    private var column = 0
    private var isAtLineStart = true
    /// A comment ends the line.
    private var mustBreak = false
    private var pending: [Item] = []

    init(lineWidth: Int, indentWidth: Int) {
        self.lineWidth = lineWidth
        self.indentWidth = indentWidth
    }

    mutating func render(_ layouts: [Layout]) -> String {
        push(layouts, indent: 0, isFlat: false)
        while let item = pending.popLast() { print(item) }
        if !isAtLineStart { output += "\n" }
        return output
    }

    private mutating func push(_ layouts: [Layout], indent: Int, isFlat: Bool) {
        for layout in layouts.reversed() { pending.append(Item(layout: layout, indent: indent, isFlat: isFlat)) }
    }

    private mutating func print(_ item: Item) {
        switch item.layout {
        case .token(let token):
            print(token.leading, keepsBlankLines: false, item.indent)
            write(token.text, item.indent)
            if let trailing = token.trailing {
                output += " " + trailing
                mustBreak = true
            }
        case .comments(let comments, let keepsBlankLines):
            print(comments, keepsBlankLines: keepsBlankLines, item.indent)
        case .space: if !isAtLineStart, !mustBreak { write(" ", item.indent) }
        case .line where item.isFlat: if !isAtLineStart, !mustBreak { write(" ", item.indent) }
        case .softLine where item.isFlat: break
        case .line, .softLine, .hardLine: beginLine()
        case .blankLine:
            beginLine()
            output += "\n"
        case .nest(let layouts): push(layouts, indent: item.indent + indentWidth, isFlat: item.isFlat)
        case .sequence(let layouts): push(layouts, indent: item.indent, isFlat: item.isFlat)
        case .group(let layouts):
            let isFlat = item.isFlat || fits(layouts)
            push(layouts, indent: item.indent, isFlat: isFlat)
        }
    }

    private mutating func print(_ comments: [CommentedToken.Comment], keepsBlankLines: Bool, _ indent: Int) {
        for (index, comment) in comments.enumerated() {
            beginLine()
            if keepsBlankLines, index > 0, comment.followsBlankLine { output += "\n" }
            write(comment.text, indent)
            mustBreak = true
        }
    }

    private mutating func beginLine() {
        mustBreak = false
        guard !isAtLineStart else { return }
        output += "\n"
        column = 0
        isAtLineStart = true
    }

    private mutating func write(_ text: String, _ indent: Int) {
        if mustBreak { beginLine() }
        if isAtLineStart {
            output += String(repeating: " ", count: indent)
            column = indent
            isAtLineStart = false
        }
        output += text
        // A string may have line breaks in it.
        if let lineBreak = text.utf8.lastIndex(of: UInt8(ascii: "\n")) {
            column = text[lineBreak...].unicodeScalars.count - 1
        } else {
            column += text.unicodeScalars.count
        }
    }

    // MARK: Fitting

    /// Whether layouts fit on the rest of the line, with what comes behind them up to the next line break.
    private func fits(_ layouts: [Layout]) -> Bool {
        guard !mustBreak else { return false }
        var room = lineWidth - column
        // What is behind the group is looked at from the end of `pending`.
        var rest = pending.count
        var stack: [(layout: Layout, isFlat: Bool)] = layouts.reversed().map { ($0, true) }
        var isInside = true
        while room >= 0 {
            if stack.isEmpty {
                isInside = false
                guard rest > 0 else { return true }
                rest -= 1
                stack.append((pending[rest].layout, pending[rest].isFlat))
            }
            let (layout, isFlat) = stack.removeLast()
            switch layout {
            case .token(let token):
                if !token.leading.isEmpty { return !isInside }
                room -= token.text.unicodeScalars.count
                if token.trailing != nil { return !isInside && room >= 0 }
            case .comments(let comments, _): if !comments.isEmpty { return !isInside }
            case .space: room -= 1
            case .line:
                guard isFlat else { return true }
                room -= 1
            case .softLine: guard isFlat else { return true }
            case .hardLine, .blankLine: return true
            case .nest(let inner), .sequence(let inner):
                for layout in inner.reversed() { stack.append((layout, isFlat)) }
            case .group(let inner):
                // A group behind this one may be broken itself.
                for layout in inner.reversed() { stack.append((layout, isInside || isFlat)) }
            }
        }
        return false
    }
}
