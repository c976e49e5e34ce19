import Synchronization

/// How many decisions there were, for the metrics.
final class DecisionCounts: Sendable {
    private let sharedAllowed = Atomic<Int>(0)
    private let sharedRefused = Atomic<Int>(0)
    private let localAllowed = Atomic<Int>(0)
    private let localRefused = Atomic<Int>(0)

    func note(_ decision: Decision) {
        switch (decision.source, decision.isAllowed) {
        case (.shared, true): sharedAllowed.wrappingAdd(1, ordering: .relaxed)
        case (.shared, false): sharedRefused.wrappingAdd(1, ordering: .relaxed)
        case (.local, true): localAllowed.wrappingAdd(1, ordering: .relaxed)
        case (.local, false): localRefused.wrappingAdd(1, ordering: .relaxed)
        }
    }

    func count(_ source: Decision.Source, isAllowed: Bool) -> Int {
        switch (source, isAllowed) {
        case (.shared, true): sharedAllowed.load(ordering: .relaxed)
        case (.shared, false): sharedRefused.load(ordering: .relaxed)
        case (.local, true): localAllowed.load(ordering: .relaxed)
        case (.local, false): localRefused.load(ordering: .relaxed)
        }
    }
}
