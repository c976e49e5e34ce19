extension StaticType {
    /// Why two types have no common supertype, for people.
    enum Mismatch: Error, Hashable, Sendable {
        case different, optionality, attributes, entityTypes, entityAndRecord
    }

    /// Whether every value of this type is of the other too. Strict subtyping knows only `true` and `false` as
    /// subtypes of Bool, also within sets and attributes.
    func isSubtype(of other: StaticType, _ mode: ValidationMode) -> Bool {
        switch (self, other) {
        case (.never, _), (.yes, .bool), (.no, .bool), (.bool, .bool), (.yes, .yes), (.no, .no): true
        case (.long, .long), (.string, .string), (.anyEntity, .anyEntity), (.anySet, .anySet), (.set, .anySet): true
        case (.entity(let a), .entity(let b)): mode == .strict ? a == b : a.isSubset(of: b)
        case (.entity, .anyEntity): mode == .permissive
        case (.set(let a), .set(let b)): a.isSubtype(of: b, mode)
        case (.record(let a), .record(let b)): a.isSubtype(of: b, mode)
        case (.extension(let a), .extension(let b)): a == b
        default: false
        }
    }

    /// The least type that has the values of both.
    func union(_ other: StaticType, _ mode: ValidationMode) throws(Mismatch) -> StaticType {
        if isSubtype(of: other, mode) { return other }
        if other.isSubtype(of: self, mode) { return self }
        switch (self, other) {
        case _ where isBool && other.isBool: return .bool
        case (.set(let a), .set(let b)): return .set(try a.union(b, mode))
        case (.record(let a), .record(let b)): return .record(try a.union(b, mode))
        case (.entity(let a), .entity(let b)):
            guard mode == .permissive else { throw .entityTypes }
            return .entity(a.union(b))
        case (.entity, .anyEntity), (.anyEntity, .entity):
            throw .entityTypes
        case (.entity, .record), (.anyEntity, .record), (.record, .entity), (.record, .anyEntity):
            throw .entityAndRecord
        default: throw .different
        }
    }

    /// The least type that has the values of all; `never` of none.
    static func union(_ types: some Sequence<StaticType>, _ mode: ValidationMode) throws(Mismatch) -> StaticType {
        var result = StaticType.never
        for type in types { result = try result.union(type, mode) }
        return result
    }

    /// Whether no value can be of both. Says so only of entities: sets of different types share the empty one.
    func isDisjoint(with other: StaticType) -> Bool {
        if case .entity(let a) = self, case .entity(let b) = other { a.isDisjoint(with: b) } else { false }
    }
}

extension StaticRecord {
    /// An open record takes attributes that it does not name, in permissive mode; otherwise the names must be the same.
    func isSubtype(of other: StaticRecord, _ mode: ValidationMode) -> Bool {
        if isOpen && !other.isOpen { return false }
        let allowsMore = other.isOpen && mode == .permissive
        guard allowsMore || attributes.count == other.attributes.count else { return false }
        return other.attributes.allSatisfy { name, theirs in
            attributes[name].map { $0.isSubtype(of: theirs, mode) } ?? false
        }
    }

    func union(_ other: StaticRecord, _ mode: ValidationMode) throws(StaticType.Mismatch) -> StaticRecord {
        if mode == .strict {
            guard attributes.count == other.attributes.count,
                attributes.keys.allSatisfy({ other.attributes[$0] != nil })
            else { throw .attributes }
            var common: [CedarString: Attribute] = [:]
            for name in attributes.keys.sorted() {
                guard let mine = attributes[name], let theirs = other.attributes[name] else { throw .attributes }
                common[name] = try mine.union(theirs, mode)
            }
            return StaticRecord(common, isOpen: isOpen || other.isOpen)
        }
        let common = commonAttributes(with: other)
        let isComplete = common.count == attributes.count && common.count == other.attributes.count
        return StaticRecord(common, isOpen: isOpen || other.isOpen || !isComplete)
    }

    /// The attributes that both have, of types that have a common one.
    func commonAttributes(with other: StaticRecord) -> [CedarString: Attribute] {
        var common: [CedarString: Attribute] = [:]
        for (name, mine) in attributes {
            if let theirs = other.attributes[name], let both = try? mine.union(theirs, .permissive) {
                common[name] = both
            }
        }
        return common
    }
}

extension StaticRecord.Attribute {
    func isSubtype(of other: StaticRecord.Attribute, _ mode: ValidationMode) -> Bool {
        let fits = mode == .strict ? isRequired == other.isRequired : isRequired || !other.isRequired
        return fits && type.isSubtype(of: other.type, mode)
    }

    func union(
        _ other: StaticRecord.Attribute, _ mode: ValidationMode
    ) throws(StaticType.Mismatch) -> StaticRecord.Attribute {
        let both = try type.union(other.type, mode)
        if mode == .strict && isRequired != other.isRequired { throw .optionality }
        return StaticRecord.Attribute(type: both, isRequired: isRequired && other.isRequired)
    }
}
