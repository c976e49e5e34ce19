/// Which sequence numbers of one source have been seen: ranges, in order and apart from each other.
struct SequenceLedger: Sendable {
    private(set) var ranges: [ClosedRange<Int64>] = []
    /// Beyond so many ranges the two lowest become one: what was missing between them is given up.
    private let limit: Int

    init(limit: Int = 1_024) { self.limit = limit }

    /// Notes a number; false when it was seen before.
    mutating func insert(_ number: Int64) -> Bool {
        // Nearly always the number follows the last one.
        if let last = ranges.last, last.upperBound == number - 1 {
            ranges[ranges.count - 1] = last.lowerBound...number
            return true
        }
        let index = ranges.firstIndex { $0.upperBound >= number - 1 } ?? ranges.count
        guard index < ranges.count else {
            append(number)
            return true
        }
        let range = ranges[index]
        if range.contains(number) { return false }
        if range.upperBound == number - 1 {
            let joinsNext = index + 1 < ranges.count && ranges[index + 1].lowerBound == number + 1
            ranges[index] = range.lowerBound...(joinsNext ? ranges[index + 1].upperBound : number)
            if joinsNext { ranges.remove(at: index + 1) }
        } else if range.lowerBound == number + 1 {
            ranges[index] = number...range.upperBound
        } else {
            ranges.insert(number...number, at: index)
            trim()
        }
        return true
    }

    func contains(_ number: Int64) -> Bool {
        guard let last = ranges.last, number <= last.upperBound else { return false }
        return ranges.reversed().first { $0.lowerBound <= number }?.contains(number) ?? false
    }

    /// The numbers within `wanted` that were not seen.
    func missing(in wanted: ClosedRange<Int64>) -> [ClosedRange<Int64>] {
        var holes: [ClosedRange<Int64>] = []
        var next = wanted.lowerBound
        for range in ranges where range.upperBound >= wanted.lowerBound {
            guard range.lowerBound <= wanted.upperBound else { break }
            if range.lowerBound > next { holes.append(next...(range.lowerBound - 1)) }
            next = max(next, range.upperBound + 1)
        }
        if next <= wanted.upperBound { holes.append(next...wanted.upperBound) }
        return holes
    }

    private mutating func append(_ number: Int64) {
        ranges.append(number...number)
        trim()
    }

    private mutating func trim() {
        guard ranges.count > limit else { return }
        ranges[0] = ranges[0].lowerBound...ranges[1].upperBound
        ranges.remove(at: 1)
    }
}
