/// Entities and what they are in. A value: a change makes another one.
///
/// Takes time and memory in proportion to the entities and their parents; what an entity is in over several steps is
/// followed when it is asked for.
public struct Entities: Sendable {
    /// In the order in which they came, each uid once.
    public let all: [Entity]
    private let places: [EntityUID: Int32]

    public static let none = Entities(all: [], places: [:])

    private init(all: [Entity], places: [EntityUID: Int32]) {
        self.all = all
        self.places = places
    }

    /// An entity that is given twice counts once when both are equal.
    ///
    /// - Throws: that a uid is given to different entities, or that entities are in each other.
    public init(_ entities: [Entity]) throws(EntitiesError) {
        var all: [Entity] = []
        var places: [EntityUID: Int32] = [:]
        all.reserveCapacity(entities.count)
        places.reserveCapacity(entities.count)
        for entity in entities {
            if let place = places[entity.uid] {
                guard all[Int(place)] == entity else { throw .duplicate(entity.uid) }
            } else {
                places[entity.uid] = Int32(all.count)
                all.append(entity)
            }
        }
        self.init(all: all, places: places)
        if let uid = entityInCycle { throw .cycle(uid) }
    }

    public subscript(uid: EntityUID) -> Entity? { places[uid].map { all[Int($0)] } }

    public var count: Int { all.count }
    public var isEmpty: Bool { all.isEmpty }

    /// Whether an entity is another one, or is in it over any number of steps. Of what is not among the entities nothing is
    /// known but that it is itself.
    public func isIn(_ member: EntityUID, _ group: EntityUID) -> Bool {
        member == group || walk(from: member) { $0 == group }
    }

    /// All that an entity is in over any number of steps, without itself.
    public func ancestors(of member: EntityUID) -> Set<EntityUID> {
        var found: Set<EntityUID> = []
        _ = walk(from: member) { ancestor in
            found.insert(ancestor)
            return false
        }
        return found
    }

    /// Visits ancestors until `stop` is true of one; some are visited more than once.
    private func walk(from member: EntityUID, until stop: (EntityUID) -> Bool) -> Bool {
        guard let start = places[member] else { return false }
        var visited: Set<Int32> = []
        var open = [start]
        while let place = open.popLast() {
            for parent in all[Int(place)].parents {
                if stop(parent) { return true }
                if let next = places[parent], visited.insert(next).inserted { open.append(next) }
            }
        }
        return false
    }

    /// An entity that is in itself over one step or more, if one is: what is left when entities without children are taken away
    /// again and again.
    private var entityInCycle: EntityUID? {
        var children = [Int32](repeating: 0, count: all.count)
        let parents = all.map { $0.parents.compactMap { places[$0] } }
        for parent in parents.joined() { children[Int(parent)] += 1 }
        var open = all.indices.filter { children[$0] == 0 }
        var left = all.count
        while let place = open.popLast() {
            left -= 1
            for parent in parents[place] {
                children[Int(parent)] -= 1
                if children[Int(parent)] == 0 { open.append(Int(parent)) }
            }
        }
        guard left > 0, var place = all.indices.first(where: { children[$0] > 0 }) else { return nil }
        // That may only be above a cycle; but each that is left has a child that is left. Going down long enough ends in one.
        var child = [Int](repeating: -1, count: all.count)
        for index in all.indices where children[index] > 0 {
            for parent in parents[index] { child[Int(parent)] = index }
        }
        for _ in 0..<left { place = child[place] }
        return all[place].uid
    }
}

public enum EntitiesError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Two different entities have this uid.
    case duplicate(EntityUID)
    /// An entity that is in itself.
    case cycle(EntityUID)
    /// An action that is not what the schema says of it.
    case action(EntityUID)

    public var description: String {
        switch self {
        case .duplicate(let uid): "there are two different entities \(uid)"
        case .cycle(let uid): "\(uid) is in itself"
        case .action(let uid): "\(uid) is not what the schema says of it"
        }
    }
}
