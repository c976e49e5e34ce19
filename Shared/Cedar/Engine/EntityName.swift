import Synchronization

/// An entity as compiled policies and entities refer to it: one object a `Symbols` and uid, so that equality is that
/// of numbers.
final class EntityName: Sendable {
    let uid: EntityUID
    /// Not negative when it comes of a `Symbols`; negative for one that is known to a single request only.
    let symbol: Int32
    /// The number of its type; -1 when no policy and no stored entity names the type.
    let type: Int32

    init(uid: EntityUID, symbol: Int32, type: Int32) {
        self.uid = uid
        self.symbol = symbol
        self.type = type
    }
}

/// Numbers for the entities, types and names that policies and stored entities use. Only grows, and is asked only when
/// something is compiled: requests look into the tables of what was compiled.
public final class Symbols: Sendable {
    private struct State {
        var entities: [EntityUID: EntityName] = [:]
        var types: [Name: Int32] = [:]
        var names: [CedarString: Int32] = [:]

        mutating func type(_ name: Name) -> Int32 {
            if let number = types[name] { return number }
            let number = Int32(types.count)
            types[name] = number
            return number
        }
    }

    private let state = Mutex(State())

    public init() {}

    func entity(_ uid: EntityUID) -> EntityName {
        state.withLock { state in
            if let name = state.entities[uid] { return name }
            let name = EntityName(uid: uid, symbol: Int32(state.entities.count), type: state.type(uid.type))
            state.entities[uid] = name
            return name
        }
    }

    func type(_ name: Name) -> Int32 { state.withLock { $0.type(name) } }

    /// The number of the name of an attribute or tag.
    func name(_ name: CedarString) -> Int32 {
        state.withLock { state in
            if let number = state.names[name] { return number }
            let number = Int32(state.names.count)
            state.names[name] = number
            return number
        }
    }

    /// How many entities have a number.
    public var count: Int { state.withLock { $0.entities.count } }
}
