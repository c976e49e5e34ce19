import Foundation

/// CPU time in seconds, user and kernel apart.
struct CPUTime {
    var user: Double
    var kernel: Double

    var total: Double { user + kernel }

    static func - (left: CPUTime, right: CPUTime) -> CPUTime {
        CPUTime(user: left.user - right.user, kernel: left.kernel - right.kernel)
    }

    /// Of another process: `/proc/<pid>/stat`, in ticks of 10 ms, so that rounds have to last seconds.
    static func of(_ pid: Int32) -> CPUTime {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else {
            return CPUTime(user: .nan, kernel: .nan)
        }
        let text = String(decoding: data, as: UTF8.self)
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        func seconds(_ field: Int) -> Double {
            (fields.count > field - 2 ? Double(fields[field - 2]) ?? .nan : .nan) / ticks
        }
        return CPUTime(user: seconds(14), kernel: seconds(15))
    }

    /// Of this thread, in nanoseconds' resolution.
    static func ofThread() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

/// Resident memory of a process in MiB.
func residentMiB(_ pid: Int32) -> Double {
    let text = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    let kilobytes = line?.split(separator: " ").dropLast().last.flatMap { Double($0) }
    return (kilobytes ?? .nan) / 1024
}

/// CPU seconds of this thread for one call of `body`, over `count` calls.
func cpuPerCall(_ count: Int, _ body: () throws -> Void) rethrows -> Double {
    let start = CPUTime.ofThread()
    for _ in 0..<count { try body() }
    return (CPUTime.ofThread() - start) / Double(count)
}

/// The value below which the given part of the values lies.
func percentile(_ values: [Double], _ part: Double) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    return sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
}
