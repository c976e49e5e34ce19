import Synchronization

/// Numbers that name requests and spans: unique within the process and spread like random ones, but no secrets.
///
/// The system's generator costs a system call for each number; it is asked for the start only, and every further number
/// is a bijective mix of a counter with it (the finaliser of Steele, Lea and Flood's SplitMix64).
enum UniqueNumbers {
    private static let count = Atomic<UInt64>(0)
    private static let seeds: (high: UInt64, low: UInt64) = {
        var generator = SystemRandomNumberGenerator()
        return (generator.next(), generator.next())
    }()

    static func pair() -> (high: UInt64, low: UInt64) {
        let step = count.wrappingAdd(1, ordering: .relaxed).newValue &* 0x9E37_79B9_7F4A_7C15
        return (mix(seeds.high &+ step), mix(seeds.low &+ step))
    }

    static func one() -> UInt64 { pair().low }

    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
