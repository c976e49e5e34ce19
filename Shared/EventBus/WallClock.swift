import Foundation

/// This machine's wall clock.
package enum WallClock {
    /// Milliseconds since the epoch.
    package static func milliseconds() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }
}
