/// Why a database did not do what was asked. Descriptions name tables and constraints, never stored values.
package enum DatabaseError: Error, Sendable {
    /// The database cannot be reached, or was lost before the transaction was to commit: nothing was changed.
    case unavailable(String)
    /// A constraint refused the change. The text begins with its kind: `unique`, `foreign key`, `not null`, `check`.
    case constraint(String)
    /// The connection was lost while committing: the change may or may not stand. Ask before repeating it.
    case outcomeUnknown(String)
    /// Too much at once: no connection in time, a lock not granted, or transactions that kept colliding. Nothing was
    /// changed; repeating it later makes sense.
    case busy(String)
    /// The statement took too long and was stopped; nothing was changed.
    case timeout(String)
    /// No space is left; nothing was changed, and reading goes on.
    case full(String)
    /// The statement, its arguments or the reading of its result are wrong.
    case sql(String)
    /// The lease under which a write was to happen has gone to somebody else, or lapsed and was released.
    case fenced(String)
    /// The schema is not what this program expects.
    case migration(String)
    /// The URL or an option is not usable.
    case configuration(String)
    /// The body threw an error of its own; the transaction was rolled back.
    case aborted(any Error)

    /// A value that must be unique stands already.
    package var isUniqueViolation: Bool {
        if case .constraint(let text) = self { text.hasPrefix("unique") } else { false }
    }

    /// Repeating the same call later may succeed, and cannot do anything twice.
    package var isRetryable: Bool {
        switch self {
        case .unavailable, .busy, .timeout: true
        default: false
        }
    }
}

extension DatabaseError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unavailable(let text): "database unavailable: \(text)"
        case .constraint(let text): "constraint violated: \(text)"
        case .outcomeUnknown(let text): "outcome of the transaction unknown: \(text)"
        case .busy(let text): "database busy: \(text)"
        case .timeout(let text): "database timeout: \(text)"
        case .full(let text): "database full: \(text)"
        case .sql(let text): "SQL error: \(text)"
        case .fenced(let text): "lease lost: \(text)"
        case .migration(let text): "migration refused: \(text)"
        case .configuration(let text): "database configuration: \(text)"
        case .aborted(let error): "transaction aborted: \(error)"
        }
    }
}
