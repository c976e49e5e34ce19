/// What is wrong with a JSON document, and where in it.
struct DocumentProblem: Error {
    let message: String
    /// From the outside to the inside, such as `attrs`, `roles`, `[2]`.
    private(set) var path: [String] = []

    init(_ message: String) { self.message = message }

    /// The same, seen from one level further out.
    func inside(_ step: String) -> DocumentProblem {
        var problem = self
        problem.path.insert(step, at: 0)
        return problem
    }

    var diagnostics: Diagnostics {
        Diagnostics(Diagnostic(path.isEmpty ? message : "\(path.joined(separator: ".")): \(message)"))
    }
}

extension DocumentProblem {
    /// Runs a step of reading; what it finds wrong gets the place of the step.
    static func at<T>(
        _ step: @autoclosure () -> String, _ body: () throws(DocumentProblem) -> T
    ) throws(DocumentProblem) -> T {
        do throws(DocumentProblem) { return try body() } catch { throw error.inside(step()) }
    }

    /// Runs the reading of a whole document.
    static func diagnosing<T>(_ body: () throws(DocumentProblem) -> T) throws(Diagnostics) -> T {
        do throws(DocumentProblem) { return try body() } catch { throw error.diagnostics }
    }
}
