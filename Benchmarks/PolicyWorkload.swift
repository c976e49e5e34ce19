import Cedar
import StrictJSON

/// Policies, entities and requests that both engines are given.
struct PolicyWorkload {
    let name: String
    let policies: String
    let entities: [Entity]
    let requests: [AuthorizationRequest]

    /// What `cedarpy_bench.py` loads.
    func json() throws -> JSONValue {
        [
            "policies": .string(policies), "entities": try Entities(entities).json,
            "requests": .array(
                try requests.map { request in
                    [
                        "principal": request.principal.json, "action": request.action.json,
                        "resource": request.resource.json, "context": .string(try request.context.json.encodedString()),
                    ]
                }),
        ]
    }
}

/// The same numbers in every run, so that runs can be compared.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

    /// Those of the numbers below `bound` that chance takes, each with the probability of the published benchmarks.
    mutating func some(below bound: Int) -> [Int] {
        (0..<bound).filter { _ in Double.random(in: 0..<1, using: &self) < 0.05 }
    }
}

extension EntityUID {
    init(_ type: Name, _ id: String) { self.init(type: type, id: CedarString(id)) }
}
