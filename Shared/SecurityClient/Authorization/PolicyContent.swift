import Cedar
import Crypto
import StrictJSON

/// The text of a set of policies: files, as they stand in a folder.
///
/// - `schema.cedarschema`: the schema, always there
/// - `*.cedar`: policies and templates, in any folder
/// - `links.json`: policies made of templates
/// - `attributes.json`: what callers may assert (`AssertableAttributes`)
/// - `tests/*.json`: cases that must come out as they say
public struct PolicyContent: Sendable, Hashable {
    public static let schemaPath = "schema.cedarschema"
    public static let linksPath = "links.json"
    public static let attributesPath = "attributes.json"
    public static let maximumFiles = 10_000
    /// Of all files together.
    public static let maximumBytes = 32 << 20

    /// Text by path; sorted paths make it the same for everybody.
    public let files: [String: String]

    /// - Throws: names the path that may not be, or says what is missing or too large.
    public init(files: [String: String]) throws(Diagnostics) {
        guard files.count <= PolicyContent.maximumFiles else {
            throw Diagnostics(Diagnostic("there are more than \(PolicyContent.maximumFiles) files"))
        }
        guard files.values.reduce(0, { $0 + $1.utf8.count }) <= PolicyContent.maximumBytes else {
            throw Diagnostics(Diagnostic("the files are larger than \(PolicyContent.maximumBytes) bytes together"))
        }
        let strangers = files.keys.sorted().filter { !PolicyContent.isKnown($0) }
        guard strangers.isEmpty else {
            throw Diagnostics(
                strangers.map {
                    Diagnostic(
                        "\($0) has no place in a set of policies",
                        expected: [
                            PolicyContent.schemaPath, "*.cedar", PolicyContent.linksPath, PolicyContent.attributesPath,
                            "tests/*.json",
                        ])
                })
        }
        guard files[PolicyContent.schemaPath] != nil else {
            throw Diagnostics(Diagnostic("\(PolicyContent.schemaPath) is missing"))
        }
        self.files = files
    }

    private static func isKnown(_ path: String) -> Bool {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        guard path.utf8.count <= 200, !segments.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }),
            path.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") })
        else { return false }
        if [schemaPath, linksPath, attributesPath].contains(path) { return true }
        return path.hasSuffix(".cedar") || (segments.count > 1 && segments[0] == "tests" && path.hasSuffix(".json"))
    }

    /// SHA-256, in hex, over all paths and texts, each with its length before it.
    public var digest: String {
        var hash = SHA256()
        for (path, text) in files.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            for part in [path, text] {
                withUnsafeBytes(of: UInt64(part.utf8.count).bigEndian) { hash.update(bufferPointer: $0) }
                hash.update(data: Array(part.utf8))
            }
        }
        return hash.finalize().hex
    }

    public var policyFiles: [(path: String, text: String)] { sorted { $0.hasSuffix(".cedar") } }
    public var testFiles: [(path: String, text: String)] { sorted { $0.hasPrefix("tests/") && $0.hasSuffix(".json") } }

    private func sorted(_ isWanted: (String) -> Bool) -> [(path: String, text: String)] {
        files.filter { isWanted($0.key) }.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            .map { ($0.key, $0.value) }
    }

    /// `{path: text}`.
    public var json: JSONValue {
        .object(JSONObject(files.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
    }

    public init(json: JSONValue) throws(Diagnostics) {
        guard let object = json.object else { throw Diagnostics(Diagnostic("an object of texts by path is expected")) }
        var files: [String: String] = [:]
        for member in object.members {
            guard let text = member.value.string else {
                throw Diagnostics(Diagnostic("\(member.key): a text is expected"))
            }
            files[member.key] = text
        }
        try self.init(files: files)
    }
}

extension Digest {
    /// Lower case.
    var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
