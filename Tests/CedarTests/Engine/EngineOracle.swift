import Testing

@testable import Cedar

/// The engine's answer beside that of the plain evaluator.
enum EngineOracle {
    /// The entities of a decision as the engine is to see them: stored ones, and those that come with the request in their place.
    static func merged(_ stored: [Entity], _ given: [Entity]) -> [Entity] {
        var all = Dictionary(stored.map { ($0.uid, $0) }, uniquingKeysWith: { $1 })
        for entity in given { all[entity.uid] = entity }
        return Array(all.values)
    }

    /// What differs; nil when nothing does.
    static func difference(
        _ policies: CompiledPolicies, _ store: EntityStore, _ request: AuthorizationRequest, with given: [Entity] = [],
        oracle: Entities
    ) -> String? {
        let expected = policies.source.authorize(request, entities: oracle)
        let verdict = policies.authorize(request, in: store, with: given)
        guard verdict.response != expected else { return nil }
        return "\(request): \(verdict.response) for \(expected)"
    }

    /// What differs between two stores that should hold the same, for the uids that are named.
    static func difference(_ one: EntityStore, _ other: EntityStore, _ uids: [EntityUID]) -> String? {
        if one.count != other.count { return "\(one.count) entities for \(other.count)" }
        for uid in uids {
            if one[uid] != other[uid] { return "\(uid): \(String(describing: one[uid]))" }
            let (a, b) = (ancestors(uid, one, among: uids), ancestors(uid, other, among: uids))
            if a != b { return "\(uid) is in \(a.sorted()) for \(b.sorted())" }
        }
        return nil
    }

    /// Those of some entities that one is in.
    static func ancestors(_ uid: EntityUID, _ store: EntityStore, among uids: [EntityUID]) -> Set<EntityUID> {
        guard let node = store.table.find(uid).flatMap({ store.node($0.symbol) }) else { return [] }
        return Set(uids.filter { uid in store.table.find(uid).map { node.ancestors.contains($0.symbol) } == true })
    }
}
