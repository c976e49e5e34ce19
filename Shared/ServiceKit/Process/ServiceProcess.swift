import Foundation
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// A service that takes its time to stop, by configuration.
package protocol SlowToStop: Service {
    /// How long its graceful shutdown may take, before anything is cut off.
    var stopTime: Duration { get }
}

/// What every process of the platform does at its start and at its end.
public enum ServiceProcess {
    /// Lets tasks run on the threads that wait for sockets, so that a request is not handed from thread to thread at each
    /// `await`. To be called once, first of all, on the main thread. Whatever blocks has threads of its own: databases,
    /// password hashes, Kafka.
    public static func runTasksOnEventLoops() {
        _ = EventLoopTasks.install()
    }

    /// Ignores SIGPIPE, raises the number of files that may be open to what the system allows, keeps the process' memory, which holds keys, out of core dumps and other processes' reach, and
    /// registers the metrics of the process.
    public static func prepare(metrics: MetricsRegistry) {
        _ = signal(SIGPIPE, SIG_IGN)
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        // Connections are files: a soft limit below the cap on connections would stop everything else that opens one.
        var files = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files) == 0, files.rlim_cur < files.rlim_max {
            files.rlim_cur = files.rlim_max
            _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files)
        }
        ProcessControl.forbidDumps()
        ProcessMetrics.register(in: metrics)
    }

    /// Runs services until SIGTERM or SIGINT, then shuts them down one by one from the last to the first, so that the
    /// HTTP server, which is the last, drains while everything that it needs still runs.
    ///
    /// - Parameters:
    ///   - services: in the order of their start.
    ///   - drainTimeout: how long accepted requests have to finish. What has not stopped 5 s after is cancelled, and the
    ///     process ends when even that does not help.
    /// - Throws: when a service ends by itself or fails.
    public static func run(_ services: [any Service], drainTimeout: Duration, logger: Logger) async throws {
        let slowest = services.compactMap { ($0 as? any SlowToStop)?.stopTime }.max() ?? .zero
        let limit = max(drainTimeout, slowest) + .seconds(5)
        let watchdog = Watchdog(limit: limit + .seconds(5), logger: logger)
        defer { watchdog.stand() }
        var configuration = ServiceGroupConfiguration(
            services: (services + [watchdog]).map {
                ServiceGroupConfiguration.ServiceConfiguration(
                    service: $0, successTerminationBehavior: .cancelGroup,
                    failureTerminationBehavior: .gracefullyShutdownGroup)
            },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = limit
        do {
            try await ServiceGroup(configuration: configuration).run()
            logger.info("the service has stopped")
        } catch {
            logger.critical("the service ends with an error", metadata: ["error": "\(error)"])
            throw error
        }
    }
}

/// Ends the process when its shutdown does not.
private final class Watchdog: Service {
    private let limit: Duration
    private let logger: Logger
    private let timer = Mutex<Task<Void, Never>?>(nil)

    init(limit: Duration, logger: Logger) {
        self.limit = limit
        self.logger = logger
    }

    /// Everything has stopped.
    func stand() { timer.withLock { $0?.cancel() } }

    func run() async throws {
        // Cancelled: another service has failed, and the process ends by that.
        guard (try? await gracefulShutdown()) != nil else { return }
        let (limit, logger) = (limit, logger)
        let task = Task.detached {
            guard (try? await Task.sleep(for: limit)) != nil else { return }
            logger.critical("the service does not stop, the process ends")
            exit(1)
        }
        timer.withLock { $0 = task }
    }
}
