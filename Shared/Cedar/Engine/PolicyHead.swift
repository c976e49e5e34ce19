/// The scope of a policy in numbers, and where its conditions begin.
struct PolicyHead {
    enum Test: UInt8 {
        case any, equal, `in`, isType, isTypeIn
    }

    struct Side {
        var test = Test.any
        /// Of the entity.
        var symbol: Int32 = 0
        var type: Int32 = 0

        @inline(__always)
        func matches(_ entity: RequestHead.Side) -> Bool {
            switch test {
            case .any: true
            case .equal: entity.symbol == symbol
            case .in: entity.symbol == symbol || entity.ancestors.contains(symbol)
            case .isType: entity.type == type
            case .isTypeIn: entity.type == type && (entity.symbol == symbol || entity.ancestors.contains(symbol))
            }
        }

        /// The entity that this side must be or be in.
        var key: Int32? { test == .any || test == .isType ? nil : symbol }
    }

    var principal: Side
    var action: Side
    var resource: Side
    /// More actions than one; `action` is `any` then. The program keeps the set.
    var actions: SymbolSet.View?
    /// The instruction that yields whether it applies; -1 when its scope is all there is.
    var condition: Int32
    var isForbid: Bool

    @inline(__always)
    func matches(_ request: RequestHead) -> Bool {
        guard action.matches(request.action), principal.matches(request.principal), resource.matches(request.resource)
        else { return false }
        guard let actions else { return true }
        return request.isAction(inAny: actions)
    }
}

/// The three entities of a request and what is known of them.
struct RequestHead {
    struct Side {
        let symbol: Int32
        let type: Int32
        let ancestors: SymbolSet.View
    }

    let principal: Side
    let action: Side
    let resource: Side

    @inline(__always)
    func isAction(inAny actions: SymbolSet.View) -> Bool {
        actions.contains(action.symbol) || actions.intersects(action.ancestors)
    }
}

extension PolicyHead {
    init(_ policy: Policy, _ builder: inout ProgramBuilder) {
        principal = Side(policy.principal, &builder)
        resource = Side(policy.resource, &builder)
        action = Side()
        switch policy.action {
        case .any: break
        case .equal(let uid): action = Side(test: .equal, symbol: builder.entity(uid).symbol)
        case .in(let uid): action = Side(test: .in, symbol: builder.entity(uid).symbol)
        case .inAny(let uids):
            // An empty list matches nothing.
            actions = builder.keep(SymbolSet(uids.map { builder.entity($0).symbol }))
        }
        condition = builder.compile(policy.conditions) ?? -1
        isForbid = policy.effect == .forbid
    }
}

extension PolicyHead.Side {
    fileprivate init(_ constraint: ScopeConstraint, _ builder: inout ProgramBuilder) {
        switch constraint {
        case .any: self.init()
        case .equal(.entity(let uid)): self.init(test: .equal, symbol: builder.entity(uid).symbol)
        case .in(.entity(let uid)): self.init(test: .in, symbol: builder.entity(uid).symbol)
        case .isType(let type): self.init(test: .isType, type: builder.type(type))
        case .isTypeIn(let type, .entity(let uid)):
            self.init(test: .isTypeIn, symbol: builder.entity(uid).symbol, type: builder.type(type))
        // Only templates have slots, and these are not compiled: what has one matches nothing.
        case .equal(.slot), .in(.slot), .isTypeIn(_, .slot): self.init(test: .isType, type: .min)
        }
    }
}
