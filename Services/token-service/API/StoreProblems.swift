import APISecurity
import Database
import Redis

/// How failures of the stores are answered wherever no route knows better: nothing is known to have gone wrong with the
/// request itself, and asking again makes sense.
enum StoreProblems {
    @Sendable static func problem(_ error: any Error) -> Problem? {
        switch error {
        case is RedisError: .unavailable()
        case let error as DatabaseError:
            switch error {
            case .unavailable, .busy, .timeout, .full, .outcomeUnknown, .fenced: .unavailable()
            case .aborted(let cause): problem(cause)
            case .constraint, .sql, .migration, .configuration: nil
            }
        default: nil
        }
    }
}
