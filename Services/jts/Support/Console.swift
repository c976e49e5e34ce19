import ArgumentParser
import Foundation
import StrictJSON

enum OutputFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

/// What every command that answers with data takes.
struct OutputOptions: ParsableArguments {
    @Option(help: "How to print the answer: text or json.")
    var output: OutputFormat = .text
}

/// Standard output, standard error and questions.
enum Console {
    static func print(_ text: String) { write(text + "\n", to: .standardOutput) }
    static func error(_ text: String) { write("jts: " + text + "\n", to: .standardError) }

    private static func write(_ text: String, to handle: FileHandle) {
        // A reader that went away (`jts … | head`) is no fault of the command.
        try? handle.write(contentsOf: Data(text.utf8))
    }

    /// Text from a service or a token with control characters made visible, so that it cannot steer the terminal.
    static func printable(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Prints rows below a heading, columns aligned.
    static func table(_ heading: [String], _ rows: [[String]]) {
        let all = [heading] + rows.map { $0.map(printable) }
        let widths = heading.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        for row in all {
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            print(line)
        }
    }

    /// Asks on standard error and reads a line of standard input; a hidden answer is not echoed by a terminal.
    static func ask(_ question: String, hidden: Bool = false) throws -> String {
        let isTerminal = isatty(STDIN_FILENO) == 1
        if isTerminal { write(question + ": ", to: .standardError) }
        let answer = hidden && isTerminal ? try readHidden() : readLine(strippingNewline: true)
        guard let answer, !answer.isEmpty else { throw CommandFault.usage("no answer to: \(question)") }
        return answer
    }

    /// Reads byte by byte with echo and signals off, so that an interrupt cannot leave the terminal mute.
    private static func readHidden() throws -> String? {
        var saved = termios()
        guard tcgetattr(STDIN_FILENO, &saved) == 0 else { return readLine(strippingNewline: true) }
        var quiet = saved
        quiet.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved)
            write("\n", to: .standardError)
        }
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while read(STDIN_FILENO, &byte, 1) == 1 {
            switch byte {
            case 10, 13: return String(decoding: bytes, as: UTF8.self)
            case 3: throw CommandFault(message: "interrupted", exitCode: 130)
            case 4 where bytes.isEmpty: return nil
            case 8, 127:
                // A whole UTF-8 character: its continuation bytes and its first.
                while let last = bytes.popLast(), last & 0xC0 == 0x80 {}
            default: bytes.append(byte)
            }
        }
        return nil
    }
}
