/// Policies by the value that one attribute must have.
struct AttributeIndex {
    private let variable: Variable
    /// Among the names of the program.
    private let attribute: Int32
    /// Whether the policies ask for the attribute first, so that they do not apply when it is missing. Else they are errors then,
    /// and must all be visited.
    private let isChecked: Bool
    /// By hash; policies of values with the same hash stand together, as each is evaluated in any case.
    private let policies: [UInt64: Range<Int32>]
    private let all: Range<Int32>
    private let quickHash = QuickHash()

    init(
        _ place: AttributeGuard.Place, attribute: Int32, _ policies: [UInt64: Range<Int32>],
        all: Range<Int32>
    ) {
        variable = place.variable
        isChecked = place.isChecked
        self.attribute = attribute
        self.policies = policies
        self.all = all
    }

    func visit(_ evaluation: Evaluation, _ body: (Int32) -> Void) {
        guard let operand = evaluation.attributeIfAny(of: variable, evaluation.names + Int(attribute)) else {
            if !isChecked { for place in all { body(place) } }
            return
        }
        // Values of other types are equal to no literal.
        guard let hash = AttributeIndex.hash(operand, quickHash), let range = policies[hash] else { return }
        for place in range { body(place) }
    }

    static func hash(_ operand: Operand, _ hash: QuickHash) -> UInt64? {
        switch operand {
        case .bool(let value): value ? 1 : 0
        case .int(let value): UInt64(bitPattern: value) &* 0x9E37_79B9_7F4A_7C15
        case .entity(let name): UInt64(truncatingIfNeeded: name._withUnsafeGuaranteedRef { $0.symbol }) ^ 0x5555 << 48
        default: operand.string.map { hash($0) }
        }
    }
}
