import NIOPosix

/// Long computations away from the event loops, on the threads of the process.
package enum OffLoop {
    package static func run<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try await NIOThreadPool.singleton.runIfActive { try work() }
    }

    package static func run<T: Sendable>(_ work: @escaping @Sendable () -> T) async -> T {
        // The pool of the process is never shut down; were it, the work is done here.
        (try? await NIOThreadPool.singleton.runIfActive { work() }) ?? work()
    }
}
