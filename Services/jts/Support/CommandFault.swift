/// Why a command ended without having done its work.
struct CommandFault: Error {
    static let usageCode: Int32 = 2

    let message: String
    let exitCode: Int32

    /// The answer is no.
    static func refused(_ message: String) -> CommandFault { CommandFault(message: message, exitCode: 1) }
    /// Called in a way that cannot work.
    static func usage(_ message: String) -> CommandFault { CommandFault(message: message, exitCode: usageCode) }
    static func notSignedIn() -> CommandFault {
        CommandFault(message: "not signed in: run jts login", exitCode: 3)
    }
    /// The service cannot be reached, or failed.
    static func unavailable(_ message: String) -> CommandFault { CommandFault(message: message, exitCode: 4) }
}
