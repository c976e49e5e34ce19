import Foundation
import StrictJSON
import TestSupport
import Testing

/// Commands in the documents that are marked as runnable (` ```sh runnable `) run as they stand.
@Suite struct DocumentationTests {
    @Test func everyRunnableBlock() async throws {
        var documents: [(name: String, blocks: [String])] = []
        for name in ["README.md"] + (try markdown(in: "docs")) {
            let text = try String(contentsOfFile: Project.file(name), encoding: .utf8)
            let blocks = Self.runnable(text)
            if !blocks.isEmpty { documents.append((name, blocks)) }
        }
        #expect(documents.contains { $0.name == "docs/quickstart.md" })
        try await withSystem { system in
            let state = try await rememberedAdministrator(of: system)
            for (name, blocks) in documents {
                // The blocks of a document follow each other in one shell; each says where it ended.
                let marked = blocks.enumerated().map { "\($1)\necho \"block \($0) done\"\n" }.joined()
                let script = try state.write("set -euo pipefail\n" + marked, to: "script.sh")
                let outcome = try await ChildProcess.run(
                    "bash", [script],
                    environment: [
                        "TOKEN_URL": system.http.url, "ORDER_URL": system.orders.url, "JTS_STATE": state.path,
                        "PYTHONDONTWRITEBYTECODE": "1",
                    ], workingDirectory: Project.root, within: .seconds(180))
                #expect(outcome.succeeded, "\(name): \(outcome.output)\(outcome.errors)")
                for index in blocks.indices {
                    #expect(outcome.output.contains("block \(index) done"), "\(name), block \(index)")
                }
            }
        }
    }

    @Test func blocksAreFound() {
        let text = "a\n```sh runnable\none\n```\n```sh\ntwo\n```\n```sh runnable\nthree\nfour\n```\n"
        #expect(Self.runnable(text) == ["one", "three\nfour"])
    }

    private static func runnable(_ text: String) -> [String] {
        var blocks: [String] = []
        var block: [Substring]?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```sh runnable" {
                block = []
            } else if line == "```", let lines = block {
                blocks.append(lines.joined(separator: "\n"))
                block = nil
            } else {
                block?.append(line)
            }
        }
        return blocks
    }

    private func markdown(in folder: String) throws -> [String] {
        let files = FileManager.default.enumerator(atPath: Project.file(folder))?.compactMap { $0 as? String } ?? []
        return files.filter { $0.hasSuffix(".md") }.sorted().map { "\(folder)/\($0)" }
    }
}
