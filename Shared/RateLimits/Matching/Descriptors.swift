import StrictJSON

/// What a request says about itself: a few names with values, each name once.
package struct Descriptors: Sendable, ExpressibleByDictionaryLiteral {
    package private(set) var pairs: [(name: String, value: String)]

    package init() { pairs = [] }

    /// Names that are known to be distinct, such as those of a JSON object.
    package init(distinct pairs: [(name: String, value: String)]) { self.pairs = pairs }

    package init(_ dictionary: [String: String]) {
        pairs = dictionary.map { (name: $0.key, value: $0.value) }
    }

    /// Later values replace earlier ones of the same name.
    package init(dictionaryLiteral elements: (String, String)...) {
        self.init()
        for (name, value) in elements { self[name] = value }
    }

    /// Setting nil removes it.
    package subscript(name: String) -> String? {
        get { pairs.first { $0.name.sameBytes(as: name) }?.value }
        set {
            let index = pairs.firstIndex { $0.name.sameBytes(as: name) }
            switch (index, newValue) {
            case (let index?, let value?): pairs[index].value = value
            case (let index?, nil): pairs.remove(at: index)
            case (nil, let value?): pairs.append((name, value))
            case (nil, nil): break
            }
        }
    }
}

extension Descriptors: Hashable {
    /// Their order is of no significance.
    package static func == (left: Descriptors, right: Descriptors) -> Bool {
        left.pairs.count == right.pairs.count
            && left.pairs.allSatisfy { pair in right[pair.name]?.sameBytes(as: pair.value) ?? false }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(Dictionary(pairs.map { ($0.name, $0.value) }) { $1 })
    }
}
