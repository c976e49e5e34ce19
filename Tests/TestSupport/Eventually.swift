/// What was waited for did not come about.
package struct NeverHappened: Error, CustomStringConvertible {
    package let description: String
}

/// Waits until a condition holds, asking again and again.
/// - Throws: `NeverHappened` when it does not hold within `limit`; whatever the condition throws.
package func eventually(
    _ what: String = "the condition", within limit: Duration = .seconds(10),
    poll interval: Duration = .milliseconds(10), file: StaticString = #fileID, line: UInt = #line,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while true {
        if try await condition() { return }
        guard ContinuousClock.now < deadline else {
            throw NeverHappened(description: "\(what) did not come about within \(limit) (\(file):\(line))")
        }
        try await Task.sleep(for: interval)
    }
}

/// Waits until there is a value and returns it.
/// - Throws: `NeverHappened` when there is none within `limit`; whatever the body throws.
package func eventuallyValue<Value>(
    _ what: String = "the value", within limit: Duration = .seconds(10),
    poll interval: Duration = .milliseconds(10), file: StaticString = #fileID, line: UInt = #line,
    _ value: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + limit
    while true {
        if let found = try await value() { return found }
        guard ContinuousClock.now < deadline else {
            throw NeverHappened(description: "\(what) did not come about within \(limit) (\(file):\(line))")
        }
        try await Task.sleep(for: interval)
    }
}
