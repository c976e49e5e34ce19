import APISecurity
import Database
import Redis

/// How what goes wrong is answered.
enum LimitProblems {
    /// Failures of the stores: asking again makes sense. Checks are never answered so: they do without Redis.
    @Sendable static func problem(_ error: any Error) -> Problem? {
        switch error {
        case is RedisError: .unavailable(detail: "It may be asked again: settling twice is settling once.")
        case let error as DatabaseError:
            switch error {
            case .unavailable, .busy, .timeout, .full, .outcomeUnknown, .fenced: .unavailable()
            case .constraint, .sql, .migration, .configuration, .aborted: nil
            }
        default: nil
        }
    }

    /// - Parameter name: what was settled.
    static func require(
        _ settlement: Settlement, _ name: String
    ) throws(Problem) -> (state: Settlement.State, amount: Int64) {
        switch settlement {
        case .done(let state, let amount): return (state, amount)
        case .unknown: throw .notFound(detail: "There is no such \(name), or not any more.")
        case .settledOtherwise(let state, _):
            throw .conflict(
                "already-settled", title: "It was settled before, otherwise",
                detail: state.map { "It was \($0.rawValue)." })
        case .expired:
            throw .conflict(
                "\(name)-expired", title: "The \(name) has expired", detail: "What was charged for it stands.")
        }
    }
}
