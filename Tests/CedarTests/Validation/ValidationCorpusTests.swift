import StrictJSON
import Synchronization
import Testing

@testable import Cedar

/// What the reference's validator says of the policies, entities and requests of its corpus.
@Suite struct ValidationCorpusTests {
    /// How many verdicts were compared.
    private final class Counts: Sendable {
        private let all = Mutex<[String: Int]>([:])

        func add(_ name: String, _ count: Int = 1) { all.withLock { $0[name, default: 0] += count } }
        subscript(name: String) -> Int { all.withLock { $0[name] ?? 0 } }
        var summary: String {
            all.withLock { counts in
                counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
            }
        }
    }

    @Test func policiesOfGeneratedCases() async throws {
        let corpus = try Corpus.shared.get()
        let counts = Counts()
        let differences = await Corpus.check(corpus.generated) { test in
            let schema = try Schema(parsing: test.schema)
            let policies = try PolicySet(parsing: test.policies)
            guard let expected = test.validation?["policyValidation"] else {
                counts.add("policy sets without verdict")
                let report = Validator(schema: schema).validate(policies)
                return report.isValid == test.shouldValidate ? [] : ["strict: \(report.errors.map(\.description))"]
            }
            var found: [String] = []
            for mode in ValidationMode.allCases {
                let report = Validator(schema: schema, mode: mode).validate(policies)
                counts.add("\(mode) verdicts of policy sets")
                if report.isValid != expected[mode.rawValue]?.bool {
                    found.append("\(mode): \(report.errors.map(\.description))")
                }
                for (id, verdict) in expected["perPolicy"]?.object?.members ?? [] {
                    let errors = report.errors(of: PolicyID(id))
                    counts.add("\(mode) verdicts of policies")
                    if errors.isEmpty != verdict[mode.rawValue]?.bool { found.append("\(mode) \(id): \(errors)") }
                    let messages = verdict["\(mode)Errors"]?.strings ?? []
                    let codes = messages.map(ValidationOracle.code)
                    if !codes.isEmpty { counts.add("\(mode) errors", codes.count) }
                    // Not how many there are of a kind, which differs with what counts as the same.
                    if Set(codes) != Set(errors.map(\.code)) {
                        found.append("\(mode) \(id): \(errors.map(\.description)) instead of \(messages)")
                    }
                }
            }
            return found
        }
        #expect(differences.isEmpty, "\(differences.count) differences, as \(differences.prefix(5))")
        #expect(counts["strict verdicts of policies"] >= 3900)
        print("validation of corpus policies: \(counts.summary)")
    }

    @Test func entitiesOfGeneratedCases() async throws {
        let corpus = try Corpus.shared.get()
        let counts = Counts()
        let differences = await Corpus.check(corpus.generated) { test in
            guard let expected = test.validation?["entityValidation"]?["perEntity"]?.object else {
                return []
            }
            let schema = try Schema(parsing: test.schema)
            let entities = try Entities(json: test.entities, schema: schema)
            var byName: [String: [ValidationIssue]] = [:]
            for issue in Validator(schema: schema).validate(entities: entities) {
                byName[issue.entity.map { "\($0.type)::\($0.id)" } ?? "", default: []].append(issue)
            }
            return expected.members.compactMap { name, verdict in
                counts.add("verdicts of entities")
                let issues = byName[name] ?? []
                return issues.isEmpty == (verdict.object?.isEmpty ?? true) ? nil : "\(name): \(issues)"
            }
        }
        #expect(differences.isEmpty, "\(differences.count) differences, as \(differences.prefix(5))")
        #expect(counts["verdicts of entities"] >= 3900)
        print("validation of corpus entities: \(counts.summary)")
    }

    @Test func requestsOfGeneratedCases() async throws {
        let corpus = try Corpus.shared.get()
        let counts = Counts()
        let differences = await Corpus.check(corpus.generated) { test in
            let schema = try Schema(parsing: test.schema)
            var found: [String] = []
            for mode in ValidationMode.allCases {
                let validator = Validator(schema: schema, mode: mode)
                for (request, verdict) in zip(test.requests, test.validation?["requestValidation"]?.array ?? []) {
                    let issues = validator.validate(request: try request.request(schema: schema))
                    counts.add("\(mode) verdicts of requests")
                    if issues.isEmpty != verdict[mode.rawValue]?.bool {
                        found.append("\(mode) \(request.description): \(issues)")
                    }
                }
            }
            return found
        }
        #expect(differences.isEmpty, "\(differences.count) differences, as \(differences.prefix(5))")
        #expect(counts["strict verdicts of requests"] >= 31_000)
        print("validation of corpus requests: \(counts.summary)")
    }

    @Test func handwrittenCases() async throws {
        let corpus = try Corpus.shared.get()
        let counts = Counts()
        let differences = await Corpus.check(corpus.handwritten) { test in
            let schema = try Schema(parsing: test.schema)
            let report = Validator(schema: schema).validate(try PolicySet(parsing: test.policies))
            var found: [String] = []
            counts.add("policy sets")
            if report.isValid != test.shouldValidate { found.append("\(report.errors.map(\.description))") }
            for request in test.requests where request.validateRequest {
                counts.add("requests")
                let issues = Validator(schema: schema).validate(request: try request.request(schema: schema))
                found += issues.map { "\(request.description): \($0)" }
            }
            return found
        }
        #expect(differences.isEmpty, "\(differences.count) differences, as \(differences.prefix(5))")
        #expect(counts["policy sets"] > 0)
        print("validation of handwritten cases: \(counts.summary)")
    }
}

extension CorpusRequest {
    /// As a request, whose context is read with the schema.
    fileprivate func request(schema: Schema) throws -> AuthorizationRequest {
        let action = try EntityUID(json: action)
        return AuthorizationRequest(
            principal: try EntityUID(json: principal), action: action, resource: try EntityUID(json: resource),
            context: try Record(contextJSON: context, schema: schema, action: action))
    }
}
