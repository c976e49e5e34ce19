extension Pattern {
    /// Whether the whole string is of this form. Takes time in proportion to the lengths of both multiplied at worst: after a
    /// mismatch only the last wildcard takes one scalar more.
    public func matches(_ string: CedarString) -> Bool {
        let text = string.string.unicodeScalars
        var position = text.startIndex
        var element = 0
        /// Where to go on after a mismatch: behind the last wildcard, with the text one scalar further.
        var retry: (element: Int, position: String.UnicodeScalarView.Index)?
        while position < text.endIndex {
            if element < elements.count {
                switch elements[element] {
                case .wildcard:
                    element += 1
                    retry = (element, position)
                    if element == elements.count { return true }
                    continue
                case .scalar(let scalar) where scalar == text[position]:
                    element += 1
                    position = text.index(after: position)
                    continue
                case .scalar: break
                }
            }
            guard let last = retry else { return false }
            element = last.element
            position = text.index(after: last.position)
            retry = (element, position)
        }
        return elements[element...].allSatisfy { $0 == .wildcard }
    }
}
