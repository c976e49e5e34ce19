import StrictJSON

/// What `/readyz` answers.
public struct HealthReport: Sendable, Hashable {
    public struct Dependency: Sendable, Hashable {
        public var name: String
        /// Without it the service is not ready.
        public var isRequired: Bool
        public var isUp: Bool

        public init(name: String, isRequired: Bool, isUp: Bool) {
            self.name = name
            self.isRequired = isRequired
            self.isUp = isUp
        }
    }

    public var isReady: Bool
    /// The service finishes what it has accepted and takes nothing new.
    public var isDraining: Bool
    public var dependencies: [Dependency]

    public init(isDraining: Bool, dependencies: [Dependency]) {
        self.isDraining = isDraining
        self.dependencies = dependencies
        isReady = !isDraining && dependencies.allSatisfy { $0.isUp || !$0.isRequired }
    }

    /// The names of required dependencies that are down.
    public var missing: [String] { dependencies.filter { $0.isRequired && !$0.isUp }.map(\.name) }

    /// Names and states alone; why something is down goes to the log.
    public func json() -> JSONValue {
        [
            "status": .string(isDraining ? "draining" : isReady ? "ready" : "not-ready"),
            "dependencies": .array(
                dependencies.map {
                    ["name": .string($0.name), "required": .bool($0.isRequired), "up": .bool($0.isUp)]
                }),
        ]
    }
}
