import ArgumentParser
import Foundation

/// The command line of the security foundation.
@main
struct JTS: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jts",
        abstract: "Sign in, look at tokens, and administer sessions, users, roles, signing keys and policies.",
        discussion: """
            Exit status: 0 done; 1 refused (the reason is on standard error); 2 wrong use; 3 not signed in; \
            4 the service cannot be reached or failed.
            Completions: jts --generate-completion-script bash|zsh|fish
            """,
        version: "0.1.0",
        subcommands: [
            LoginCommand.self, LogoutCommand.self, TokenCommand.self, SessionsCommand.self, UsersCommand.self,
            KeysCommand.self, MFACommand.self, PolicyCommand.self, RolesCommand.self,
            ElevationsCommand.self, EventsCommand.self,
        ])

    /// Runs the command; own exit codes, so that scripts can tell a refusal from wrong use.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let fault as CommandFault {
            Console.error(fault.message)
            Foundation.exit(fault.exitCode)
        } catch {
            let code = exitCode(for: error)
            if code == .validationFailure {
                Console.error(fullMessage(for: error))
                Foundation.exit(CommandFault.usageCode)
            }
            exit(withError: error)
        }
    }
}
