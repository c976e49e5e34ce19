import Foundation
import StrictJSON

@testable import Cedar

/// A case of the corpus on disk.
struct CorpusFile: Sendable {
    /// Path of the description without its ending.
    let name: String
    let root: URL

    static func all(in folder: String, of root: URL) throws -> [CorpusFile] {
        let path = root.appendingPathComponent(folder).path
        guard let names = FileManager.default.enumerator(atPath: path)?.compactMap({ $0 as? String }) else {
            throw Corpus.Failure(description: "no folder \(path)")
        }
        return names.sorted()
            .filter { $0.hasSuffix(".json") && !$0.hasSuffix(".entities.json") }
            .map { CorpusFile(name: folder + "/" + $0.dropLast(5), root: root) }
    }

    func read() throws -> CorpusCase {
        let description = try json(name + ".json")
        guard let policies = description["policies"]?.string, let schema = description["schema"]?.string,
            let entities = description["entities"]?.string, let requests = description["requests"]?.array
        else { throw Corpus.Failure(description: "\(name) is no description of a case") }
        let verdict = name.replacing("corpus-tests/", with: "corpus-tests-validation/") + ".validation.json"
        return CorpusCase(
            name: name, policies: try text(policies), schema: try text(schema), entities: try json(entities),
            requests: try requests.map(CorpusRequest.init),
            shouldValidate: description["shouldValidate"]?.bool ?? true,
            validation: FileManager.default.fileExists(atPath: path(verdict)) ? try json(verdict) : nil)
    }

    private func path(_ file: String) -> String { root.appendingPathComponent(file).path }

    private func bytes(_ file: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(fileURLWithPath: path(file))))
    }

    private func text(_ file: String) throws -> String { String(decoding: try bytes(file), as: UTF8.self) }

    private func json(_ file: String) throws -> JSONValue {
        try JSONValue(parsing: try bytes(file), limits: Limits().json)
    }
}

/// Policies, a schema and entities with requests and what the reference answers.
struct CorpusCase: Sendable {
    let name: String
    let policies: String
    /// In the syntax of people.
    let schema: String
    let entities: JSONValue
    let requests: [CorpusRequest]
    /// Whether the policies are valid by the schema (strict mode).
    let shouldValidate: Bool
    /// What the reference's validator says of policies, entities and requests; the handwritten cases have none.
    let validation: JSONValue?
}

struct CorpusRequest: Sendable {
    let description: String
    let principal: JSONValue
    let action: JSONValue
    let resource: JSONValue
    let context: JSONValue
    /// Whether the request is to be checked by the schema.
    let validateRequest: Bool
    let decision: AuthorizationResponse.Decision
    let reasons: Set<PolicyID>
    let errors: Set<PolicyID>

    init(_ json: JSONValue) throws {
        guard let principal = json["principal"], let action = json["action"], let resource = json["resource"],
            let context = json["context"], let decision = json["decision"]?.string,
            let decision = AuthorizationResponse.Decision(rawValue: decision),
            let reasons = json["reason"]?.strings, let errors = json["errors"]?.strings
        else { throw Corpus.Failure(description: "this is no request: \(json)") }
        description = json["description"]?.string ?? ""
        self.principal = principal
        self.action = action
        self.resource = resource
        self.context = context
        validateRequest = json["validateRequest"]?.bool ?? true
        self.decision = decision
        self.reasons = Set(reasons.map { PolicyID($0) })
        self.errors = Set(errors.map { PolicyID($0) })
    }
}
