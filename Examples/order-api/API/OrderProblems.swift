import APISecurity
import Database

/// How what goes wrong is answered.
enum OrderProblems {
    static var keyReused: Problem {
        .unprocessable("idempotency-key-reused", title: "The Idempotency-Key came with another order before")
    }

    /// Failures of the database: nothing is wrong with the request itself, and asking again makes sense.
    @Sendable static func problem(_ error: any Error) -> Problem? {
        guard let error = error as? DatabaseError else { return nil }
        return switch error {
        case .unavailable, .busy, .timeout, .full, .outcomeUnknown, .fenced: .unavailable()
        case .constraint, .sql, .migration, .configuration, .aborted: nil
        }
    }
}
