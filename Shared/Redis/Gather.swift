/// Runs all operations at once and returns what they gave so far as soon as that is enough, without waiting for the
/// rest, or else what all of them gave. (A task group would wait for the slowest in any case.)
func gather<Value: Sendable>(
    _ operations: [@Sendable () async -> Value], until isEnough: ([Value]) -> Bool
) async -> [Value] {
    guard !operations.isEmpty else { return [] }
    let (stream, continuation) = AsyncStream.makeStream(of: Value.self)
    for operation in operations {
        Task { continuation.yield(await operation()) }
    }
    var values: [Value] = []
    for await value in stream {
        values.append(value)
        if values.count == operations.count || isEnough(values) { break }
    }
    return values
}
