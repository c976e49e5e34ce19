import NIOPosix

/// Work that takes long is done on threads of its own, so that requests on the same event loop do not wait for it.
enum OffLoop {
    static func run<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try await NIOThreadPool.singleton.runIfActive { try work() }
    }

    static func run<T: Sendable>(_ work: @escaping @Sendable () -> T) async -> T {
        // The pool of the process is never shut down; were it, the work is done here.
        (try? await NIOThreadPool.singleton.runIfActive { work() }) ?? work()
    }
}
