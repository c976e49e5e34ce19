import Cedar
import Contracts
import JOSE
import Synchronization

/// The policies and entities that this process decides by, and the rules by which others take their place: whole, signed,
/// and never an older one than was seen before.
package final class PolicyReplica: Sendable {
    /// What became of something that arrived.
    package enum Outcome: Sendable, Hashable {
        case applied
        /// It is what is decided by already.
        case known
        /// It does not follow on what is here: the whole has to be fetched.
        case incomplete
    }

    package enum Refusal: Error, Sendable, Hashable {
        /// The statement or the body is not what policy-service signed.
        case untrusted(String)
        /// It was current once: an attempt to bring it back, or a fault of whoever sent it.
        case rollback(sequence: Int64, have: Int64)
        /// It was signed and cannot be read, or does not fit together.
        case invalid(String)

        /// The code by which it is put on record.
        package var code: String {
            switch self {
            case .untrusted: "untrusted"
            case .rollback: "rollback"
            case .invalid: "invalid"
            }
        }
    }

    private struct State {
        var policies: PolicySnapshot.Policies?
        var entities: (sequence: Int64, bundle: [Entity])?
        var snapshot: PolicySnapshot?
        /// What was said of the bodies that were taken, so that another one under the same number is told.
        var policyStatement: PolicyStatement?
        var entityStatement: PolicyStatement?
    }

    private let state = Mutex(State())
    /// Held while a change is worked out, so that two do not overwrite each other; deciding never waits for it.
    private let changing = Mutex(())

    package init() {}

    /// nil until policies and entities have both arrived.
    package var snapshot: PolicySnapshot? { state.withLock { $0.snapshot } }

    package var policySequence: Int64? { state.withLock { $0.policies?.sequence } }
    package var entitySequence: Int64? {
        state.withLock { $0.snapshot?.entitySequence ?? $0.entities?.sequence }
    }

    package func takePolicies(_ statement: PolicyStatement, body: [UInt8]) throws(Refusal) -> Outcome {
        try changing.withLock { _ throws(Refusal) in
            if let outcome = try Self.compare(statement, with: state.withLock { $0.policyStatement }) { return outcome }
            try Self.check(statement, body)
            do {
                let bundle = try PolicyBundle(body: body)
                guard bundle.sequence == statement.sequence, bundle.version == statement.version else {
                    throw Refusal.untrusted("the body has another number than the statement")
                }
                let current = state.withLock { ($0.snapshot, $0.entities) }
                let policies = try PolicySnapshot.Policies(
                    sequence: bundle.sequence, version: bundle.version, content: bundle.content,
                    symbols: current.0?.symbols ?? Symbols())
                let snapshot = try current.0?.switching(to: policies) ?? Self.first(policies, current.1)
                state.withLock {
                    $0.policies = policies
                    $0.policyStatement = statement
                    $0.snapshot = snapshot
                    if snapshot != nil { $0.entities = nil }
                }
                return .applied
            } catch let refusal as Refusal { throw refusal } catch { throw .invalid("\(error)") }
        }
    }

    package func takeEntities(_ statement: PolicyStatement, body: [UInt8]) throws(Refusal) -> Outcome {
        try changing.withLock { _ throws(Refusal) in
            if let outcome = try Self.compare(statement, with: state.withLock { $0.entityStatement }) { return outcome }
            // Changes that came over the feed meanwhile are newer than the whole that was asked for before them.
            if let have = entitySequence, statement.sequence <= have { return .known }
            try Self.check(statement, body)
            do {
                let bundle = try EntityBundle(body: body)
                guard bundle.sequence == statement.sequence else {
                    throw Refusal.untrusted("the body has another number than the statement")
                }
                let (policies, current) = state.withLock { ($0.policies, $0.snapshot) }
                let entities = (bundle.sequence, bundle.entities)
                let snapshot =
                    if let current {
                        try current.rebuilt(entities: bundle.entities, sequence: bundle.sequence)
                    } else { try policies.flatMap { try Self.first($0, entities) } }
                state.withLock {
                    $0.snapshot = snapshot
                    $0.entities = snapshot == nil ? entities : nil
                    $0.entityStatement = statement
                }
                return .applied
            } catch let refusal as Refusal { throw refusal } catch { throw .invalid("\(error)") }
        }
    }

    package func takeDelta(_ statement: PolicyStatement, body: [UInt8]) throws(Refusal) -> Outcome {
        try changing.withLock { _ throws(Refusal) in
            // Deltas are told of again when a broker lost its state: an older one is no attack.
            if let have = entitySequence, statement.sequence <= have { return .known }
            guard let current = snapshot, statement.from == current.entitySequence else { return .incomplete }
            try Self.check(statement, body)
            do {
                let delta = try EntityDelta(body: body)
                guard delta.sequence == statement.sequence, delta.from == statement.from else {
                    throw Refusal.untrusted("the body has another number than the statement")
                }
                let changed = try current.applying(delta)
                state.withLock { $0.snapshot = changed }
                return .applied
            } catch let refusal as Refusal { throw refusal } catch { throw .invalid("\(error)") }
        }
    }

    private static func first(
        _ policies: PolicySnapshot.Policies, _ entities: (sequence: Int64, bundle: [Entity])?
    ) throws -> PolicySnapshot? {
        guard let entities else { return nil }
        return PolicySnapshot(
            policies: policies, entitySequence: entities.sequence,
            store: try PolicySnapshot.store(
                entities.bundle, schema: policies.loaded.schema, symbols: policies.compiled.symbols))
    }

    private static func compare(
        _ statement: PolicyStatement, with have: PolicyStatement?
    ) throws(Refusal) -> Outcome? {
        guard let have else { return nil }
        if statement.sequence < have.sequence {
            throw .rollback(sequence: statement.sequence, have: have.sequence)
        }
        guard statement.sequence == have.sequence else { return nil }
        // Two bodies under one number: a database that was set back, or a forger with the key.
        guard statement.digest == have.digest else { throw .untrusted("another body under the same number") }
        return .known
    }

    private static func check(_ statement: PolicyStatement, _ body: [UInt8]) throws(Refusal) {
        do { try statement.check(body) } catch { throw .untrusted("\(error)") }
    }
}
