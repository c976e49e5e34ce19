/// What PostgreSQL's error codes mean to a caller (PostgreSQL documentation, appendix A).
///
/// Only the primary message is passed on: the detail line repeats stored values.
enum PostgresFailure {
    static func map(state: String, message: String, constraint: String?) -> StatementFailure {
        let text = "\(state): \(message)"
        switch state {
        case "40001", "40P01":
            return StatementFailure(error: .busy("transactions collided (\(text))"), mayRepeat: true, isCollision: true)
        case "26000":
            // The server has lost our prepared statements, as behind a pooler.
            return StatementFailure(error: .busy(text), mayRepeat: true)
        case "0A000" where message.contains("cached plan"):
            // Another replica has migrated a table that a prepared statement reads.
            return StatementFailure(error: .busy(text), mayRepeat: true)
        case "55P03": return StatementFailure(error: .busy(text))
        case "57014": return StatementFailure(error: .timeout(text))
        case "53100": return StatementFailure(error: .full(text))
        default: break
        }
        switch state.prefix(2) {
        case "23":
            return StatementFailure(error: .constraint(kind(state) + (constraint.map { ": \($0)" } ?? "")))
        case "08": return StatementFailure(error: .unavailable(text), connectionLost: true)
        case "57", "58", "53", "XX": return StatementFailure(error: .unavailable(text))
        case "28", "3D": return StatementFailure(error: .unavailable(text))
        default: return StatementFailure(error: .sql(text))
        }
    }

    private static func kind(_ state: String) -> String {
        switch state {
        case "23505": "unique"
        case "23503": "foreign key"
        case "23502": "not null"
        case "23514": "check"
        default: "other"
        }
    }
}
