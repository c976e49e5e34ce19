import Testing

@testable import Cedar

/// What the validator is for: a policy that is valid does not fail for its types.
@Suite struct SoundnessTests {
    @Test func validPoliciesDoNotFail() throws {
        var evaluated = 0
        var failures: [String] = []
        for seed in UInt64(1)...60 {
            let schema = RandomSchema(seed: seed).schema
            var conforming = RandomConforming(schema: schema, seed: seed, mutations: 0)
            let validators = ValidationMode.allCases.map { Validator(schema: schema, mode: $0) }
            let entities = try Entities(conforming.entities() + conforming.actions())
            #expect(validators[0].validate(entities: entities).isEmpty)
            let requests = (0..<4).compactMap { _ in conforming.request() }
            for request in requests { #expect(validators[0].validate(request: request).isEmpty) }
            for index in 0..<40 {
                var random = RandomTypedPolicy(
                    schema: schema, seed: seed &* 7_919 &+ UInt64(index), mutations: index % 6)
                let policy = random.policy(id: "policy0")
                let isValid = validators.map { $0.validate(policy).isValid }
                // What is strictly valid is valid.
                #expect(!isValid[0] || isValid[1], "\(policy.text)")
                guard isValid[1] else { continue }
                let set = try PolicySet([policy])
                for request in requests {
                    evaluated += 1
                    for error in set.authorize(request, entities: entities).errors
                    where !isAllowed(error.error, isStrict: isValid[0]) {
                        failures.append("\(error.error): \(policy.text)")
                    }
                }
            }
        }
        #expect(failures.isEmpty, "\(failures.count), as \(failures.prefix(3))")
        #expect(evaluated > 4000)
    }

    /// Arithmetic and missing entities are beyond types; texts that are no values only beyond the strict rules.
    private func isAllowed(_ error: EvaluationError, isStrict: Bool) -> Bool {
        switch error {
        case .overflow, .noSuchEntity: true
        case .extension(.datetime, _), .extension(.duration, _): true
        case .extension: !isStrict
        default: false
        }
    }
}
