import Foundation
import NIOCore
import NIOPosix

/// Makes NIO's singleton event loops the threads on which tasks run.
///
/// As `NIOSingletons.unsafeTryInstallSingletonPosixEventLoopGroupAsConcurrencyGlobalExecutor` does, and by the same hook of
/// the concurrency runtime, but for one thing: NIO tells the runtime that a task runs on the event loop as on an actor's
/// executor. Code that belongs to no actor, and that is nearly all, then has to leave it, which the runtime does by
/// enqueueing the task anew: several times in a request, each time to end up on the same loop. Here the runtime is told
/// what holds for its own threads: no actor's executor.
enum EventLoopTasks {
    private typealias Hook = @convention(thin) (UnownedJob, @convention(thin) (UnownedJob) -> Void) -> Void

    /// Once, before there are tasks. False when the runtime has no such hook: tasks then run on its own threads.
    static func install() -> Bool {
        #if compiler(<6.4)
            // The name and the type of the hook are those of the runtimes up to 6.3.
            guard let slot = dlsym(dlopen(nil, RTLD_NOW), "swift_task_enqueueGlobal_hook") else { return false }
            let hook: Hook = { job, _ in
                // The loop that asks, when one does.
                MultiThreadedEventLoopGroup.singleton.any().execute {
                    job.runSynchronously(on: EventLoopTasks.noActor)
                }
            }
            slot.assumingMemoryBound(to: UnsafeRawPointer.self).pointee = unsafeBitCast(hook, to: UnsafeRawPointer.self)
            return true
        #else
            return false
        #endif
    }

    /// The runtime's own value for "no actor": neither an identity nor a way to enqueue.
    private static let noActor = unsafeBitCast((0, 0), to: UnownedSerialExecutor.self)
}
