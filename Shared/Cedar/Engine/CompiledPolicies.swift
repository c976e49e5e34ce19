/// A set of policies, compiled and indexed: immutable, so that any number of threads decide by it while another set is made.
public final class CompiledPolicies: Sendable {
    /// What it was compiled of.
    public let source: PolicySet
    public let symbols: Symbols
    let program: Program
    private let parts: Parts
    private let hash = QuickHash()

    /// Unchecked, as heads hold numbers and pointers into the program, and nothing changes.
    private struct Parts: @unchecked Sendable {
        let heads: FixedArray<PolicyHead>
        let index: PolicyIndex
    }

    /// Compiles the policies of a set; templates take part by what is linked of them.
    /// - Parameter symbols: the same as those of the stores that it will be asked with.
    public init(_ policies: PolicySet, symbols: Symbols) {
        source = policies
        self.symbols = symbols
        var builder = ProgramBuilder(symbols: symbols, expectedEntities: policies.policies.count)
        let heads = policies.policies.map { PolicyHead($0, &builder) }
        let index = PolicyIndex(heads, policies.policies.map { AttributeGuard($0) }, &builder)
        program = Program(builder)
        parts = Parts(heads: FixedArray(heads), index: index)
    }

    /// Decides a request.
    /// - Parameters:
    ///   - store: entities compiled with the same `symbols`.
    ///   - entities: what the caller knows of entities for this request only; they take the place of stored ones.
    public func authorize(
        _ request: AuthorizationRequest, in store: EntityStore, with entities: [Entity] = []
    ) -> Verdict {
        precondition(store.symbols === symbols, "policies and entities were compiled with different symbols")
        var scratch = Scratch()
        return withExtendedLifetime(store) {
            withUnsafeMutablePointer(to: &scratch) { scratch in
                if !entities.isEmpty { scratch.add(entities, store, program) }
                return withUnsafePointer(to: .record(request.context)) { context in
                    decide(evaluation(of: request, store, context, scratch))
                }
            }
        }
    }

    @inline(__always)
    private func evaluation(
        of request: AuthorizationRequest, _ store: EntityStore, _ context: UnsafePointer<Value>,
        _ scratch: UnsafeMutablePointer<Scratch>
    ) -> Evaluation {
        let (entities, table) = (store.view, program.table.view)
        func name(_ uid: EntityUID) -> Unmanaged<EntityName> {
            let hash = hash(uid)
            return entities.table.find(uid, hash) ?? table.find(uid, hash)
                ?? .passUnretained(scratch.name(of: uid, program))
        }
        return Evaluation(
            instructions: program.instructions.start, lists: program.lists.start, constants: program.constants.start,
            names: program.names.start, owners: .init(program, store), store: entities, policyTable: table, hash: hash,
            context: context, principal: name(request.principal), action: name(request.action),
            resource: name(request.resource), scratch: scratch)
    }

    private func decide(_ evaluation: Evaluation) -> Verdict {
        func side(_ name: Unmanaged<EntityName>) -> RequestHead.Side {
            .init(
                symbol: evaluation.symbol(name), type: evaluation.type(name), ancestors: evaluation.ancestors(name))
        }
        let request = RequestHead(
            principal: side(evaluation.principal), action: side(evaluation.action), resource: side(evaluation.resource))
        var permits = Positions()
        var forbids = Positions()
        var errors: [(Int32, EvaluationError)] = []
        let heads = parts.heads.start
        parts.index.forEachCandidate(request, evaluation) { position in
            let head = heads + Int(position)
            guard head.pointee.matches(request) else { return }
            do throws(EvaluationError) {
                let condition = head.pointee.condition
                if condition >= 0 { guard try evaluation.bool(condition) else { return } }
                if head.pointee.isForbid { forbids.append(position) } else { permits.append(position) }
            } catch {
                errors.append((position, error))
            }
        }
        let found =
            errors.isEmpty
            ? []
            : errors.sorted { $0.0 < $1.0 }.map { PolicyError(policy: source.policies[Int($0.0)].id, error: $0.1) }
        if !forbids.isEmpty { return Verdict(.deny, forbids, found, self) }
        return Verdict(permits.isEmpty ? .deny : .allow, permits, found, self)
    }
}
