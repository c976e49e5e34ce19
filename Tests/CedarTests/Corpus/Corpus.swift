import Foundation
import StrictJSON

/// The conformance tests of the reference implementation.
///
/// They are in the folder `CEDAR_CORPUS_DIR`, or in `shared/conformance/cedar` beside the checkout: as archives, or as what
/// comes out of them.
struct Corpus: Sendable {
    struct Failure: Error, CustomStringConvertible { let description: String }

    /// Generated cases with eight requests each.
    let generated: [CorpusFile]
    /// Cases that people wrote.
    let handwritten: [CorpusFile]

    /// Read once for the process.
    static let shared: Result<Corpus, any Error> = Result { try Corpus(in: Corpus.folder) }

    init(in folder: URL) throws {
        let root = try Corpus.extracted(folder)
        generated = try CorpusFile.all(in: "corpus-tests", of: root)
        handwritten = try CorpusFile.all(in: "tests", of: root)
        guard !generated.isEmpty, !handwritten.isEmpty else { throw Failure(description: "no cases in \(root.path)") }
    }

    /// Calls `body` with every case, on several threads, and gives all that it found, in no order.
    static func check(
        _ files: [CorpusFile], _ body: @escaping @Sendable (CorpusCase) throws -> [String]
    ) async -> [String] {
        await withTaskGroup { group in
            let share = max(1, files.count / (ProcessInfo.processInfo.activeProcessorCount * 8))
            for start in stride(from: 0, to: files.count, by: share) {
                let part = files[start..<min(files.count, start + share)]
                group.addTask {
                    part.flatMap { file in
                        do {
                            return try body(file.read()).map { "\(file.name): \($0)" }
                        } catch {
                            return ["\(file.name): \(error)"]
                        }
                    }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
    }

    private static var folder: URL {
        if let path = ProcessInfo.processInfo.environment["CEDAR_CORPUS_DIR"] { return URL(fileURLWithPath: path) }
        let checkout = (1...4).reduce(URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()) { url, _ in
            url.deletingLastPathComponent()
        }
        return checkout.deletingLastPathComponent().appendingPathComponent("shared/conformance/cedar")
    }

    /// The folder itself when it holds no archives; else a temporary one with what was in them, removed at exit.
    private static func extracted(_ folder: URL) throws -> URL {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        let archives = names.filter { $0.hasSuffix(".tar.gz") }
        if archives.isEmpty { return folder }
        let target = FileManager.default.temporaryDirectory.appendingPathComponent("cedar-corpus-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        ExtractedCorpus.removeAtExit(target.path)
        for archive in archives {
            let tar = Process()
            tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            tar.arguments = ["tar", "-xzf", folder.appendingPathComponent(archive).path, "-C", target.path]
            try tar.run()
            tar.waitUntilExit()
            guard tar.terminationStatus == 0 else { throw Failure(description: "tar cannot read \(archive)") }
        }
        return target
    }
}

/// Removes the extracted files when the process ends.
private enum ExtractedCorpus {
    /// Written once, before the exit handler is registered.
    nonisolated(unsafe) private static var path = ""

    static func removeAtExit(_ path: String) {
        self.path = path
        atexit { try? FileManager.default.removeItem(atPath: ExtractedCorpus.path) }
    }
}
