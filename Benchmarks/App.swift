import Foundation

/// Measures against the goals of `docs/performance.md`. Without arguments everything; else the named parts.
/// Exit status 0 whether or not goals hold: the table says so.
@main
struct App {
    static let parts: [(name: String, run: @Sendable (inout Report) async throws -> Void)] = [
        ("verifier", VerifierBench.run),
        ("introspection", IntrospectionBench.run),
        ("refresh", RefreshBench.run),
        ("revocation", RevocationBench.run),
        ("memory", MemoryBench.run),
        ("policies", PolicyBench.run),
        ("decisions", DecisionsBench.run),
        ("activation", ActivationBench.run),
    ]

    static func main() async throws {
        var arguments = CommandLine.arguments.dropFirst()
        if arguments.first == "bare" {
            return try await BareServer.run(port: arguments.dropFirst().first.flatMap { Int($0) } ?? 7999)
        }
        var output = ".local/bench.jsonl"
        if arguments.first == "--output" {
            output = arguments.dropFirst().first ?? output
            arguments = arguments.dropFirst(2)
        }
        let unknown = arguments.filter { name in !parts.contains { $0.name == name } }
        guard unknown.isEmpty else {
            print("unknown: \(unknown.joined(separator: " ")); known: \(parts.map(\.name).joined(separator: " "))")
            exit(2)
        }
        var report = Report()
        for part in parts where arguments.isEmpty || arguments.contains(part.name) {
            print("== \(part.name)")
            try await part.run(&report)
        }
        print(report.table())
        try report.lines().write(toFile: output, atomically: true, encoding: .utf8)
    }
}
