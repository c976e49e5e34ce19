#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Time since some instant, that nobody sets.
package enum MonotonicClock {
    package static func nanoseconds() -> Int64 {
        var now = timespec()
        // Goes on while the machine is suspended, so that a lease ends however long a holder slept.
        #if canImport(Glibc)
            clock_gettime(CLOCK_BOOTTIME, &now)
        #else
            clock_gettime(CLOCK_MONOTONIC, &now)
        #endif
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }
}
