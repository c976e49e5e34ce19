import ArgumentParser
import Cedar

struct FormatCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "format", abstract: "Lay out policies anew; comments stay.")

    @Option(
        name: [.short, .long], help: ArgumentHelp("Policies and templates; else standard input.", valueName: "file"))
    var policies: String?
    @Option(name: [.short, .long], help: "Columns that lines should not go beyond.")
    var lineWidth = 80
    @Option(name: [.short, .long], help: "Columns of a level.")
    var indentWidth = 2
    @Flag(name: [.short, .long], help: "Write the file instead of standard output.")
    var write = false
    @Flag(name: [.short, .long], help: "Only say, by the exit status, whether they are laid out so.")
    var check = false

    func validate() throws {
        if write && check { throw ValidationError("either --write or --check") }
        if write && policies == nil { throw ValidationError("--write needs --policies") }
        guard (1...10_000).contains(lineWidth) else { throw ValidationError("--line-width is 1 to 10000") }
        guard (0...100).contains(indentWidth) else { throw ValidationError("--indent-width is 0 to 100") }
    }

    func run(in terminal: any Terminal) throws -> ExitStatus {
        let source = try Source(policies, terminal)
        let formatter = PolicyFormatter(lineWidth: lineWidth, indentWidth: indentWidth)
        let text = try Fault.reading(source) { () throws(Diagnostics) in try formatter.format(source.text) }
        let isSame = text.utf8.elementsEqual(source.text.utf8)
        if check {
            if !isSame { terminal.note("\(Printable.text(source.name)) is not formatted") }
            return isSame ? .done : .failed
        }
        if write, let policies {
            if !isSame { try Source.write(text, to: policies) }
        } else {
            terminal.write(text)
        }
        return .done
    }
}
