import ArgumentParser

/// Decides, checks, formats and translates policies in the Cedar language.
@main
struct CedarTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cedar",
        abstract: "Cedar policies: decide, evaluate, validate, format, link, translate.",
        discussion: """
            Exit status: 0 done, allowed, valid; 1 an error (the reason is on standard error), wrong use included; \
            2 denied; 3 not valid; 4 not decided without what is unknown.
            Completions: cedar --generate-completion-script bash|zsh|fish
            """,
        version: "0.1.0",
        subcommands: [
            AuthorizeCommand.self, EvaluateCommand.self, ValidateCommand.self, CheckParseCommand.self,
            FormatCommand.self, LinkCommand.self, TranslatePolicyCommand.self, TranslateSchemaCommand.self,
            PartiallyAuthorizeCommand.self,
        ])

    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let status = LargeStack.run { run(arguments, in: StandardTerminal()) }
        exit(withStatus: status)
    }

    /// Runs the command line, apart from the process: no argument and nothing read ends it.
    static func run(_ arguments: [String], in terminal: any Terminal) -> ExitStatus {
        let command: any ParsableCommand
        do {
            command = try parseAsRoot(arguments)
            guard let command = command as? any Command else { throw CleanExit.helpRequest(self) }
            return try command.run(in: terminal)
        } catch let fault as Fault {
            terminal.writeError(fault.text)
            return fault.status
        } catch {
            // Help and version were asked for, or the arguments are wrong.
            let isWanted = exitCode(for: error).isSuccess
            let text = fullMessage(for: error) + "\n"
            if isWanted { terminal.write(text) } else { terminal.writeError(text) }
            return isWanted ? .done : .failed
        }
    }
}

/// A command that reads and writes through a terminal that is given to it.
protocol Command: ParsableCommand {
    /// - Throws: `Fault`.
    func run(in terminal: any Terminal) throws -> ExitStatus
}
