import Cedar
import StrictJSON

/// Why a command could not do its work.
struct Fault: Error {
    /// For people, over several lines.
    let text: String
    /// On one line.
    let summary: String
    let status: ExitStatus

    init(_ message: String, status: ExitStatus = .failed) {
        text = "error: \(Printable.text(message))\n"
        summary = message
        self.status = status
    }

    /// What is wrong with a text, each mistake with its line.
    init(_ diagnostics: Diagnostics, in source: Source) {
        let shown = diagnostics.all.prefix(Fault.shown)
        var text = shown.map { Excerpt.report("error", $0, in: source) }.joined()
        if shown.count < diagnostics.all.count { text += "… and \(diagnostics.all.count - shown.count) more\n" }
        self.text = text
        summary = shown.map { "\(source.place(of: $0)): \($0)" }.joined(separator: "; ")
        status = .failed
    }

    /// A text with a mistake everywhere is not answered with as many messages.
    private static let shown = 20

    /// Runs what reads a source.
    static func reading<T>(_ source: Source, _ body: () throws(Diagnostics) -> T) throws(Fault) -> T {
        do throws(Diagnostics) { return try body() } catch { throw Fault(error, in: source) }
    }
}

/// Text from outside that is to be shown.
enum Printable {
    /// With control characters made visible, so that they cannot steer the terminal; tabs become a space.
    static func text(_ text: some StringProtocol, keepsNewlines: Bool = false) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control where scalar == "\t": result += " "
            case .control where scalar == "\n" && keepsNewlines: result += "\n"
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
