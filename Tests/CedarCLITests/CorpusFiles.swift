import Foundation
import StrictJSON

/// The files of the conformance tests of the reference implementation, in `CEDAR_CORPUS_DIR` or in
/// `shared/conformance/cedar` beside the checkout, as archives or as what comes out of them.
struct CorpusFiles: Sendable {
    struct Failure: Error { let description: String }

    /// A case: policies, schema and entities by their paths, which are relative to the folder, requests and what is answered.
    struct Case: Sendable {
        let name: String
        let policies: String
        let schema: String
        let entities: String
        let requests: [JSONValue]
        let shouldValidate: Bool

        /// The line of a batch that asks for all that the case has.
        var line: JSONValue {
            [
                "policies": .string(policies), "schema": .string(schema), "entities": .string(entities),
                "requests": .array(requests),
            ]
        }
    }

    /// Where paths begin.
    let root: String
    let cases: [Case]
    /// Keeps extracted files until nobody reads them any more.
    private let folder: Folder?

    static let shared: Result<CorpusFiles, any Error> = Result { try CorpusFiles() }

    private init() throws {
        let given = CorpusFiles.given
        let archives = try FileManager.default.contentsOfDirectory(atPath: given).filter { $0.hasSuffix(".tar.gz") }
        folder = archives.isEmpty ? nil : try Folder()
        root = folder?.path ?? given
        for archive in archives {
            let tar = Process()
            tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            tar.arguments = ["tar", "-xzf", given + "/" + archive, "-C", root]
            try tar.run()
            tar.waitUntilExit()
            guard tar.terminationStatus == 0 else { throw Failure(description: "tar cannot read \(archive)") }
        }
        var cases: [Case] = []
        for folder in ["corpus-tests", "tests"] {
            for name in try FileManager.default.subpathsOfDirectory(atPath: root + "/" + folder).sorted()
            where name.hasSuffix(".json") && !name.hasSuffix(".entities.json") {
                cases.append(try CorpusFiles.read(folder + "/" + name, root))
            }
        }
        self.cases = cases
    }

    private static func read(_ name: String, _ root: String) throws -> Case {
        let json = try CorpusFiles.json(root + "/" + name)
        guard let policies = json["policies"]?.string, let schema = json["schema"]?.string,
            let entities = json["entities"]?.string, let requests = json["requests"]?.array
        else { throw Failure(description: "\(name) is no description of a case") }
        // The verdict of the validator stands in a file of its own, where there is one.
        let verdict =
            root + "/" + name.replacing("corpus-tests/", with: "corpus-tests-validation/").dropLast(5)
            + ".validation.json"
        let strict =
            FileManager.default.fileExists(atPath: verdict)
            ? try CorpusFiles.json(verdict)["policyValidation"]?["strict"]?.bool : nil
        return Case(
            name: name, policies: policies, schema: schema, entities: entities, requests: requests,
            shouldValidate: strict ?? json["shouldValidate"]?.bool ?? true)
    }

    private static func json(_ path: String) throws -> JSONValue {
        let limits = JSONLimits(maxBytes: 1 << 26, maxDepth: 500, maxMembers: .max, allowsNUL: true)
        return try JSONValue(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: path))), limits: limits)
    }

    private static var given: String {
        if let path = ProcessInfo.processInfo.environment["CEDAR_CORPUS_DIR"] { return path }
        let checkout = (1...3).reduce(URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()) { url, _ in
            url.deletingLastPathComponent()
        }
        return checkout.deletingLastPathComponent().appendingPathComponent("shared/conformance/cedar").path
    }
}
