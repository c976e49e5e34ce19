import Contracts
import Foundation
import Logging

/// The log of a service: JSON lines on the standard error stream.
public enum ServiceLog {
    /// Makes every logger of the process write this way and returns the service's own. Call it once, at start.
    /// `LOG_LEVEL` is one of trace, debug, info, notice, warning, error, critical.
    @discardableResult
    public static func bootstrap(service: String, source: ConfigSource) -> Logger {
        bootstrap(service: service, level: level(source))
    }

    @discardableResult
    public static func bootstrap(service: String, level: Logger.Level = .info) -> Logger {
        let sink = DescriptorSink(STDERR_FILENO)
        LoggingSystem.bootstrap { label in handler(service: service, label: label, level: level, sink: sink) }
        return Logger(label: service)
    }

    /// Reads `LOG_LEVEL`; a bad one is noted at `source`.
    public static func level(_ source: ConfigSource) -> Logger.Level {
        let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        return source.value("LOG_LEVEL", default: .info, expected: "one of \(names)") { Logger.Level(rawValue: $0) }
    }

    /// A logger of its own, without touching the process's: for tests and tools.
    static func logger(service: String, level: Logger.Level, sink: any LogSink) -> Logger {
        Logger(label: service) { label in handler(service: service, label: label, level: level, sink: sink) }
    }

    private static func handler(
        service: String, label: String, level: Logger.Level, sink: any LogSink
    ) -> any LogHandler {
        JSONLogHandler(service: service, label: label, level: level, sink: sink) { WallClock.milliseconds() }
    }

    /// Ends a process that cannot go on: one line for each fault, then exit status 78 (`EX_CONFIG`) when the configuration
    /// is at fault, else 1.
    public static func fail(_ error: any Error) -> Never {
        let isConfiguration = error is ConfigurationError
        for line in "\(error)".split(whereSeparator: \.isNewline) {
            let text = "\(isConfiguration ? "configuration" : "error"): \(Redaction.scrub(String(line)))\n"
            DescriptorSink(STDERR_FILENO).write(Array(text.utf8))
        }
        exit(isConfiguration ? 78 : 1)
    }
}
