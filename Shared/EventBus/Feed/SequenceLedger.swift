/// Which sequence numbers of one source have been seen: ranges, in order and apart from each other.
///
/// Whoever reads several partitions sees the numbers of one and then those of another, so that many ranges stand for a
/// while. Beyond `limit` the lowest is forgotten: numbers up to there count neither as seen nor as missing, for telling
/// something twice does less harm than not telling it.
struct SequenceLedger: Sendable {
    private(set) var ranges: [ClosedRange<Int64>] = []
    /// Up to here nothing is known any more.
    private(set) var forgotten: Int64 = 0
    private let limit: Int

    init(limit: Int = 65_536) { self.limit = limit }

    /// Notes a number; false when it is known to have been seen before.
    mutating func insert(_ number: Int64) -> Bool {
        // Nearly always the number follows the last one.
        if let last = ranges.last, last.upperBound == number - 1 {
            ranges[ranges.count - 1] = last.lowerBound...number
            return true
        }
        guard number > forgotten else { return true }
        let index = firstIndex(reaching: number - 1)
        guard index < ranges.count else {
            ranges.append(number...number)
            trim()
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
        let index = firstIndex(reaching: number)
        return index < ranges.count && ranges[index].contains(number)
    }

    /// The numbers within `wanted` that were not seen.
    func missing(in wanted: ClosedRange<Int64>) -> [ClosedRange<Int64>] {
        var holes: [ClosedRange<Int64>] = []
        var next = max(wanted.lowerBound, forgotten + 1)
        for range in ranges[firstIndex(reaching: next)...] {
            guard range.lowerBound <= wanted.upperBound else { break }
            if range.lowerBound > next { holes.append(next...(range.lowerBound - 1)) }
            next = max(next, range.upperBound + 1)
        }
        if next <= wanted.upperBound { holes.append(next...wanted.upperBound) }
        return holes
    }

    /// The place of the first range that ends at `number` or after it.
    private func firstIndex(reaching number: Int64) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func trim() {
        guard ranges.count > limit else { return }
        forgotten = ranges.removeFirst().upperBound
    }
}
