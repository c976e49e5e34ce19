import Foundation

/// What the kernel says about this process, under the names that Prometheus' own clients use.
enum ProcessMetrics {
    static func register(in registry: MetricsRegistry) {
        let page = Double(sysconf(Int32(_SC_PAGESIZE)))
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        registry.gauge("process_resident_memory_bytes", help: "Resident memory in bytes.") {
            statistic().map { Double($0.residentPages) * page }
        }
        registry.gauge("process_virtual_memory_bytes", help: "Virtual memory in bytes.") {
            statistic().map { Double($0.virtualBytes) }
        }
        registry.counter("process_cpu_seconds_total", help: "User and system CPU time in seconds.") {
            statistic().map { Double($0.userTicks + $0.systemTicks) / ticks }
        }
        registry.gauge("process_threads", help: "Threads.") { statistic().map { Double($0.threads) } }
        registry.gauge("process_open_fds", help: "Open file descriptors.") {
            (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")).map { Double($0.count) }
        }
        registry.gauge("process_max_fds", help: "How many file descriptors may be open.") {
            var limit = rlimit()
            return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? Double(limit.rlim_cur) : nil
        }
        let started = startTime(ticks: ticks)
        registry.gauge("process_start_time_seconds", help: "When the process started, since the epoch.") { started }
    }

    struct Statistic: Equatable {
        var userTicks: UInt64
        var systemTicks: UInt64
        var threads: UInt64
        var startTicks: UInt64
        var virtualBytes: UInt64
        var residentPages: UInt64

        /// Reads the text of `/proc/<pid>/stat` (proc(5)). The name in parentheses may hold anything.
        init?(_ text: String) {
            guard let end = text.lastIndex(of: ")") else { return nil }
            let fields = text[text.index(after: end)...].split(separator: " ")
            func number(_ field: Int) -> UInt64? {
                // Fields count from 1; the first after the name is number 3.
                let index = field - 3
                return fields.indices.contains(index) ? UInt64(fields[index]) : nil
            }
            guard let user = number(14), let system = number(15), let threads = number(20), let start = number(22),
                let virtual = number(23), let resident = number(24)
            else { return nil }
            userTicks = user
            systemTicks = system
            self.threads = threads
            startTicks = start
            virtualBytes = virtual
            residentPages = resident
        }
    }

    private static func statistic() -> Statistic? {
        FileManager.default.contents(atPath: "/proc/self/stat").flatMap {
            Statistic(String(decoding: $0, as: UTF8.self))
        }
    }

    private static func startTime(ticks: Double) -> Double? {
        guard let start = statistic()?.startTicks,
            let text = FileManager.default.contents(atPath: "/proc/stat").map({ String(decoding: $0, as: UTF8.self) }),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
            let boot = Double(line.dropFirst(6))
        else { return nil }
        return boot + Double(start) / ticks
    }
}
