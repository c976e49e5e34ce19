import ServiceLifecycle

/// Finds out at start whether introspection works, rather than when the feed of revocations is stale and everything
/// depends on it; and after a failure, whether it works again.
struct IntrospectionCheck: Service {
    let introspector: Introspector
    /// Between two attempts while it fails.
    var interval: Duration = .seconds(10)

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                if introspector.condition != .working { await introspector.checkCredentials() }
                try await Task.sleep(for: interval)
            }
        }
    }
}
