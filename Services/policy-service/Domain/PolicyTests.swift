import Cedar
import SecurityClient
import StrictJSON

/// Cases that stand beside policies and must come out as they say:
///
///     {"entities": [], "context": {},
///      "tests": [{"name": "…", "principal": {"type": "User", "id": "a"}, "action": {…}, "resource": {…},
///                 "context": {}, "entities": [], "decision": "allow", "reasons": ["id"]}]}
///
/// There are no other entities than these: a case's own take the place of those of the file with the same uid, as do its
/// members of the context. `reasons` may be left out.
enum PolicyTests {
    static func run(
        _ text: String, _ path: String, _ loaded: LoadedPolicies, _ compiled: CompiledPolicies
    ) -> [PolicyChecks.TestResult] {
        do {
            let json = try JSONValue(parsing: text, limits: JSONLimits(maxBytes: 8 << 20, maxDepth: 64))
            guard let object = json.object,
                object.keys.allSatisfy({ ["tests", "entities", "context"].contains($0) }),
                let cases = object["tests"]?.array
            else { throw Diagnostics(Diagnostic("an object with a list of tests is expected")) }
            let shared = Shared(entities: object["entities"]?.array ?? [], context: object["context"]?.object ?? [:])
            return cases.enumerated().map { index, json in
                let name = json["name"]?.string ?? "test \(index + 1)"
                return PolicyChecks.TestResult(
                    path: path, name: name, failure: failure(json, shared, loaded, compiled))
            }
        } catch {
            return [PolicyChecks.TestResult(path: path, name: "the file", failure: "\(error)")]
        }
    }

    private static let members: Set<String> = [
        "name", "principal", "action", "resource", "context", "entities", "decision", "reasons",
    ]

    /// What all cases of a file begin with.
    private struct Shared {
        let entities: [JSONValue]
        let context: JSONObject

        func entities(_ own: JSONValue?) -> JSONValue {
            let own = own?.array ?? []
            let uids = own.compactMap { $0["uid"] }
            return .array(entities.filter { entity in !uids.contains { $0 == entity["uid"] } } + own)
        }

        func context(_ own: JSONValue?) -> JSONValue {
            var merged = context
            for member in own?.object?.members ?? [] { merged[member.key] = member.value }
            return .object(merged)
        }
    }

    private static func failure(
        _ json: JSONValue, _ shared: Shared, _ loaded: LoadedPolicies, _ compiled: CompiledPolicies
    ) -> String? {
        do {
            guard let object = json.object, let stranger = object.keys.first(where: { !members.contains($0) })
            else { return try failure(of: json, shared, loaded, compiled) }
            return "\(stranger) is not known"
        } catch let faults as Diagnostics {
            return faults.all.map(\.description).joined(separator: "; ")
        } catch {
            return "\(error)"
        }
    }

    private static func failure(
        of json: JSONValue, _ shared: Shared, _ loaded: LoadedPolicies, _ compiled: CompiledPolicies
    ) throws -> String? {
        guard let principal = json["principal"], let action = json["action"], let resource = json["resource"],
            let expected = json["decision"]?.string.flatMap(AuthorizationResponse.Decision.init(rawValue:))
        else { return "principal, action, resource and decision (allow or deny) are expected" }
        let actionUID = try EntityUID(json: action)
        let request = AuthorizationRequest(
            principal: try EntityUID(json: principal), action: actionUID, resource: try EntityUID(json: resource),
            context: try Record(
                contextJSON: shared.context(json["context"]), schema: loaded.schema, action: actionUID))
        let entities = try Entities(json: shared.entities(json["entities"]), schema: loaded.schema)
        let validator = Validator(schema: loaded.schema, mode: .strict)
        let issues = validator.validate(request: request) + validator.validate(entities: entities)
        if let issue = issues.first { return issue.message }
        let store = try EntityStore(entities.all, symbols: compiled.symbols)
        let verdict = compiled.authorize(request, in: store)
        guard verdict.decision == expected else {
            let reasons = verdict.reasons.map(\.description).joined(separator: ", ")
            return "decided \(verdict.decision.rawValue)" + (reasons.isEmpty ? "" : " by \(reasons)")
        }
        if let wanted = json["reasons"] {
            guard let wanted = wanted.strings else { return "reasons: a list of policy ids is expected" }
            let reasons = verdict.reasons.map(\.description)
            if Set(wanted) != Set(reasons) { return "decided by \(reasons.sorted().joined(separator: ", "))" }
        }
        return nil
    }
}
