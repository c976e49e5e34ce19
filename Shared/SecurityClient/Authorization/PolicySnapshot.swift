import Cedar
import StrictJSON

/// All that a decision needs, as it was at one moment: one set of policies and one state of the entities. Immutable, so
/// that whoever holds it never sees a mix.
package final class PolicySnapshot: Sendable {
    /// One activated set, compiled.
    package struct Policies: Sendable {
        package let sequence: Int64
        package let version: Int64
        package let content: PolicyContent
        package let loaded: LoadedPolicies
        package let compiled: CompiledPolicies

        package init(
            sequence: Int64, version: Int64, content: PolicyContent, symbols: Symbols
        ) throws(Diagnostics) {
            loaded = try LoadedPolicies(content)
            compiled = CompiledPolicies(loaded.policies, symbols: symbols)
            self.content = content
            self.sequence = sequence
            self.version = version
        }
    }

    package let policies: Policies
    /// Rises by one with every change of entities.
    package let entitySequence: Int64
    package let store: EntityStore

    package init(policies: Policies, entitySequence: Int64, store: EntityStore) {
        self.policies = policies
        self.entitySequence = entitySequence
        self.store = store
    }

    /// Without those that the schema makes of its actions.
    package var storedEntities: [Entity] {
        let actions = policies.loaded.schema.actions
        return store.entities.filter { actions[$0.uid] == nil }
    }

    package var symbols: Symbols { policies.compiled.symbols }

    /// The stored entities and those that the schema makes of its actions.
    package static func store(
        _ entities: [Entity], schema: Schema, symbols: Symbols
    ) throws(EntityStoreError) -> EntityStore {
        try EntityStore(entities + actionEntities(schema), symbols: symbols)
    }

    /// Actions with the groups that the schema puts them in.
    package static func actionEntities(_ schema: Schema) -> [Entity] {
        schema.actions.values.sorted { $0.uid < $1.uid }.map { Entity(uid: $0.uid, parents: $0.parents) }
    }
}

extension PolicySnapshot {
    /// The same entities under another set of policies, whose schema may group actions otherwise.
    package func switching(to policies: Policies) throws(EntityStoreError) -> PolicySnapshot {
        let before = Set(self.policies.loaded.schema.actions.keys)
        let after = PolicySnapshot.actionEntities(policies.loaded.schema)
        let gone = before.subtracting(after.map(\.uid))
        return PolicySnapshot(
            policies: policies, entitySequence: entitySequence, store: try store.updating(after, removing: gone))
    }

    /// After a change of entities.
    package func applying(_ delta: EntityDelta) throws(EntityStoreError) -> PolicySnapshot {
        PolicySnapshot(
            policies: policies, entitySequence: delta.sequence,
            store: try store.updating(delta.put, removing: delta.removed))
    }

    /// The same policies over entities that were read anew, with numbers given out anew.
    package func rebuilt(entities: [Entity], sequence: Int64) throws -> PolicySnapshot {
        let symbols = Symbols()
        let policies = Policies(self.policies, symbols: symbols)
        return PolicySnapshot(
            policies: policies, entitySequence: sequence,
            store: try PolicySnapshot.store(entities, schema: policies.loaded.schema, symbols: symbols))
    }
}

extension PolicySnapshot.Policies {
    /// The same set, compiled with other symbols.
    fileprivate init(_ other: PolicySnapshot.Policies, symbols: Symbols) {
        sequence = other.sequence
        version = other.version
        content = other.content
        loaded = other.loaded
        compiled = CompiledPolicies(other.loaded.policies, symbols: symbols)
    }
}
