import Foundation

/// How a command ended, for scripts.
enum ExitStatus: Int32 {
    /// Done, allowed, valid.
    case done = 0
    /// It could not be done.
    case failed = 1
    case denied = 2
    case invalid = 3
    /// The answer depends on what is unknown.
    case undecided = 4
}

extension CedarTool {
    static func exit(withStatus status: ExitStatus) -> Never { Foundation.exit(status.rawValue) }
}
