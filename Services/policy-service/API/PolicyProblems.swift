import APISecurity
import Cedar
import Database
import StrictJSON

/// How what goes wrong is answered.
enum PolicyProblems {
    /// Failures of the database, and a replica that has read no policies yet: asking again makes sense.
    @Sendable static func problem(_ error: any Error) -> Problem? {
        switch error {
        case let error as DatabaseError:
            switch error {
            case .unavailable, .busy, .timeout, .full, .outcomeUnknown, .fenced: .unavailable()
            case .constraint, .sql, .migration, .configuration, .aborted: nil
            }
        case is DecisionPoint.NoPolicies: .unavailable(detail: "No policies are active yet.")
        case let faults as Diagnostics: invalid(faults)
        case let fault as RoleFault: RoleProblems.problem(fault)
        case FourEyes.Refusal.sameSubject:
            .forbidden("four-eyes", detail: "Whoever proposed it cannot approve it.")
        case FourEyes.Refusal.alreadyDecided:
            .conflict("already-decided", title: "The proposal was decided before")
        default: nil
        }
    }

    static func invalid(_ faults: Diagnostics) -> Problem {
        var problem = Problem.unprocessable(
            "invalid-policies", title: "The policies are not valid", detail: faults.all.first?.description)
        problem.extensions = ["errors": .array(faults.all.prefix(100).map { .string($0.description) })]
        return problem
    }
}
