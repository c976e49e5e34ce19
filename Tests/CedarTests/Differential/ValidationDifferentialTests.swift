import StrictJSON
import Testing

@testable import Cedar

/// The strict validator compared with the reference implementation's, policy by policy and kind of error by kind.
@Suite struct ValidationDifferentialTests {
    /// A policy with the oracle's messages, compared with our own judgement.
    private static func difference(_ policy: String, _ messages: [String], _ schema: Schema) throws -> String? {
        let ours: [ValidationIssue]
        do {
            ours = Validator(schema: schema).validate(try PolicySet(parsing: policy)).errors
        } catch {
            return messages.contains { $0.hasPrefix("!") } ? nil : "\(policy)\n  cannot be read: \(error)"
        }
        let codes = messages.map(ValidationOracle.code)
        if Set(codes) == Set(ours.map(\.code)) { return nil }
        return "\(policy)\n  ours: \(ours.map(\.description))\n  reference: \(messages)"
    }

    /// The cases of the tables of rules.
    @Test func tables() throws {
        let cases =
            TypeCheckTests.logicCases + TypeCheckTests.operatorsCases + TypeCheckTests.setsAndRecordsCases
            + TypeCheckTests.extensionsCases + EntityRuleTests.attributesCases + EntityRuleTests.tagsCases
            + EntityRuleTests.hierarchyCases + EntityRuleTests.namesCases
        let policies =
            cases.map { "permit(\($0.scope)) when { \($0.condition) };" }
            + ScopeValidationTests.scopeCases.map { "permit(\($0.scope));" }
        let answers = try ValidationOracle.answers([.init(schema: ValidationSample.schemaText, policies: policies)])
        let schema = try ValidationSample.schema()
        let differences = try zip(policies, answers[0].policies).compactMap { try Self.difference($0, $1, schema) }
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
        print("validation compared with the reference: \(policies.count) policies of tables")
    }

    /// Schemas are made up by the hundred, with forty policies for each.
    private static let hundreds = UInt64((DifferentialSize.count(standard: 4000) + 3999) / 4000)
    private static let firstSeed = DifferentialSize.seed(standard: 1)

    private static func schemas(_ batch: UInt64) -> [(RandomSchema, UInt64)] {
        let first = firstSeed &+ batch &* 100
        var all: [(RandomSchema, UInt64)] = []
        for seed in first..<first + 100 { all.append((RandomSchema(seed: seed), seed)) }
        return all
    }

    private static func policyCase(_ random: RandomSchema, _ seed: UInt64) -> ValidationOracle.Case {
        var test = ValidationOracle.Case(schema: random.anyText)
        for index in 0..<40 {
            var policy = RandomTypedPolicy(
                schema: random.schema, seed: seed &* 1_000_003 &+ UInt64(index),
                mutations: index % 4 == 0 ? 0 : index % 7)
            test.policies.append(policy.policy(id: PolicyID("policy\(index)")).text)
        }
        return test
    }

    @Test func generatedPolicies() throws {
        var valid = 0
        var codes: [ValidationIssue.Code: Int] = [:]
        var differences: [String] = []
        for batch in 0..<Self.hundreds {
            let made = Self.schemas(batch)
            let cases = made.map { random, seed in
                Self.policyCase(random, seed)
            }
            for (index, answer) in try ValidationOracle.answers(cases).enumerated() {
                for (policy, messages) in zip(cases[index].policies, answer.policies) {
                    if messages.isEmpty { valid += 1 }
                    for code in Set(messages.compactMap(ValidationOracle.code)) { codes[code, default: 0] += 1 }
                    if let difference = try Self.difference(policy, messages, made[index].0.schema) {
                        differences.append("\(cases[index].schema)\n\(difference)")
                    }
                }
            }
        }
        let summary = codes.sorted { $0.value > $1.value }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        print("validation compared with the reference: \(Self.hundreds * 4000) policies, \(valid) valid; \(summary)")
        #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(3).joined(separator: "\n"))")
        // What is made up is neither always right nor always wrong.
        #expect(valid > 500 * Int(Self.hundreds))
        #expect(codes.count > 8)
    }

    private static func dataCase(_ random: RandomSchema, _ seed: UInt64) throws -> ValidationOracle.Case {
        var test = ValidationOracle.Case(schema: random.anyText)
        for index in 0..<20 {
            var conforming = RandomConforming(
                schema: random.schema, seed: seed &* 2_000_003 &+ UInt64(index), mutations: index % 3 * 10)
            let entities = conforming.entities() + (index % 5 == 0 ? conforming.actions() : [])
            test.entities.append(.array(try entities.map { try $0.json }))
            if let request = conforming.request() { test.requests.append(try request.oracleJSON) }
        }
        return test
    }

    @Test func generatedEntitiesAndRequests() throws {
        var counts = (entities: 0, requests: 0, valid: 0)
        var differences: [String] = []
        for batch in 0..<Self.hundreds {
            let made = Self.schemas(batch)
            let cases = try made.map { random, seed in
                try Self.dataCase(random, seed)
            }
            for (index, answer) in try ValidationOracle.answers(cases).enumerated() {
                let schema = made[index].0.schema
                for (document, message) in zip(cases[index].entities, answer.entities) {
                    counts.entities += 1
                    counts.valid += message == nil ? 1 : 0
                    let ours = Self.problem(entities: document, schema)
                    if (ours == nil) != (message == nil) {
                        differences.append(
                            "\(cases[index].schema)\n\(document)\n  ours: \(ours ?? "valid"), reference: \(message ?? "valid")"
                        )
                    }
                }
                for (request, message) in zip(cases[index].requests, answer.requests) {
                    counts.requests += 1
                    counts.valid += message == nil ? 1 : 0
                    let ours = Self.problem(request: request, schema)
                    if (ours == nil) != (message == nil) {
                        differences.append(
                            "\(cases[index].schema)\n\(request)\n  ours: \(ours ?? "valid"), reference: \(message ?? "valid")"
                        )
                    }
                }
            }
        }
        print(
            "validation compared with the reference: \(counts.entities) sets of entities, \(counts.requests) requests, "
                + "\(counts.valid) valid")
        #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(3).joined(separator: "\n"))")
        #expect(counts.valid > 500 && counts.valid < counts.entities + counts.requests - 500)
    }

    /// Reading with a schema already refuses some of what is wrong.
    private static func problem(entities document: JSONValue, _ schema: Schema) -> String? {
        do {
            let entities = try Entities(json: document, schema: schema)
            return Validator(schema: schema).validate(entities: entities).first?.description
        } catch {
            return "\(error)"
        }
    }

    private static func problem(request: JSONValue, _ schema: Schema) -> String? {
        do {
            let request = try AuthorizationRequest(oracleJSON: request, schema: schema)
            return Validator(schema: schema).validate(request: request).first?.description
        } catch {
            return "\(error)"
        }
    }
}

extension RandomSchema {
    /// Some schemas can only be written as JSON.
    fileprivate var anyText: String {
        if let text = try? fragment.text { return text }
        var json = JSONWriter()
        json.value(fragment.json)
        return String(decoding: json.bytes, as: UTF8.self)
    }
}

extension AuthorizationRequest {
    fileprivate init(oracleJSON json: JSONValue, schema: Schema) throws {
        let action = try EntityUID(json: json["action"] ?? nil)
        self.init(
            principal: try EntityUID(json: json["principal"] ?? nil), action: action,
            resource: try EntityUID(json: json["resource"] ?? nil),
            context: try Record(contextJSON: json["context"] ?? nil, schema: schema, action: action))
    }

    fileprivate var oracleJSON: JSONValue {
        get throws {
            [
                "principal": principal.json, "action": action.json, "resource": resource.json,
                "context": try Value.record(context).json,
            ]
        }
    }
}
