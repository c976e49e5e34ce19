import StrictJSON
import Synchronization

/// Values that many tokens have in common, such as a role's permissions, found by their JSON text: there are as many as
/// roles and their combinations, and making one costs more than comparing its text. All tokens of a kind hold one together.
///
/// The text is compared with what follows in the token, wherever its value ends there: no text of an array or a string
/// is the beginning of another one's.
final class SharedValues<Value: Sendable>: Sendable {
    private struct Entry {
        let text: [UInt8]
        let value: Value
    }

    private let limit = 16
    private let entries = Mutex<[Entry]>([])

    /// Reads a value, which is an array or a string.
    /// - Parameter make: reads it when its text is not known.
    func read(_ reader: inout PlainJSONReader, _ make: (inout PlainJSONReader) -> Value?) -> Value? {
        let known = entries.withLock { entries in
            for entry in entries where reader.skip(entry.text) { return Optional(entry.value) }
            return nil
        }
        if let known { return known }
        let before = reader
        guard let made = make(&reader) else { return nil }
        let entry = Entry(text: reader.text(since: before), value: made)
        entries.withLock { entries in
            // Where there are more kinds than places the oldest leaves.
            if entries.count >= limit { entries.removeFirst() }
            entries.append(entry)
        }
        return made
    }
}

/// What tokens of one issuer have in common.
struct SharedClaims: Sendable {
    let permissions = SharedValues<Set<String>>()
    let roles = SharedValues<[String]>()
    let methods = SharedValues<[String]>()
}
