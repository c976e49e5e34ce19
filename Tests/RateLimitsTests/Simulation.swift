import Foundation

@testable import RateLimits

/// Numbers that are the same in every run, so that what fails once fails again.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

enum Simulation {
    /// Ten times as much under JTS_LONG=1.
    static let scale = ProcessInfo.processInfo.environment["JTS_LONG"] == "1" ? 10 : 1

    /// Arrivals as they come: at once, evenly, in bursts, after a pause, at the edges of sub-windows.
    struct Arrivals {
        var now: Int64 = 1_790_000_000_000
        let span: Int64
        private var style = 0

        init(span: Int64) { self.span = span }

        mutating func next(using random: inout SplitMix) -> Int64 {
            if Int.random(in: 0..<40, using: &random) == 0 { style = Int.random(in: 0..<6, using: &random) }
            let width = max(span / 50, 1)
            switch style {
            case 0: break
            case 1: now += Int64.random(in: 0...2, using: &random)
            case 2: now += Int64.random(in: 0...(width + 1), using: &random)
            case 3: now += Int64.random(in: 0...max(span / 10, 1), using: &random)
            case 4: now = (now / width + 1) * width - Int64.random(in: 0...1, using: &random)
            default:
                now += Int.random(in: 0..<20, using: &random) == 0 ? span + Int64.random(in: -2...2, using: &random) : 0
            }
            return now
        }
    }

    static func cost(upTo quantity: Int64, using random: inout SplitMix) -> Int64 {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: 0
        case 1...6: 1
        case 7, 8: Int64.random(in: 1...max(quantity / 5, 1), using: &random)
        default: Int64.random(in: 1...(quantity + 2), using: &random)
        }
    }
}

/// What was admitted, looked through from the start: the plainest way there is of knowing how much fell into a window.
struct AdmittedLog {
    private var entries: [(time: Int64, cost: Int64)] = []
    private var first = 0

    mutating func add(_ time: Int64, _ cost: Int64, keeping span: Int64) {
        entries.append((time, cost))
        while first < entries.count, entries[first].time < time - 2 * span { first += 1 }
    }

    /// Of times from and to, both included.
    func sum(from: Int64, to: Int64) -> Int64 {
        entries[first...].reduce(0) { from <= $1.time && $1.time <= to ? $0 + $1.cost : $0 }
    }
}
