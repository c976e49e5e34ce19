import Foundation

/// How much is compared with the reference implementation: `CEDAR_DIFFERENTIAL` says how many requests, texts or documents, and
/// `CEDAR_DIFFERENTIAL_SEED` with which random ones to begin.
enum DifferentialSize {
    static func count(standard: Int) -> Int { setting("CEDAR_DIFFERENTIAL") ?? standard }
    static func seed(standard: UInt64) -> UInt64 { setting("CEDAR_DIFFERENTIAL_SEED").map { UInt64($0) } ?? standard }

    private static func setting(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
    }
}
