import Foundation
import Testing

@testable import RateLimits

@Suite struct WindowStateTests {
    private let start: Int64 = 1_790_000_000_000

    /// Bytes that Redis' cmsgpack 0.4 wrote for the same numbers.
    @Test func packsAsRedisDoes() {
        var writer = PackedWriter(count: 12)
        for number in [0, 127, 128, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, -1, -32, -33] as [Int64] {
            writer.int(number)
        }
        let hex = writer.bytes.map { String(format: "%02x", $0) }.joined()
        #expect(hex == "9c007fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000ffe0d0df")
    }

    @Test func packedNumbersComeBack() throws {
        var random = SplitMix(9)
        for _ in 0..<2000 {
            let numbers = (0..<Int.random(in: 0...120, using: &random)).map { _ in
                Int64.random(in: -(1 << 53)...(1 << 53), using: &random) >> Int64.random(in: 0...53, using: &random)
            }
            var writer = PackedWriter(count: numbers.count)
            for number in numbers { writer.int(number) }
            var reader = try #require(PackedReader(writer.bytes))
            #expect(reader.count == numbers.count)
            for number in numbers { #expect(reader.int() == number) }
            #expect(reader.isAtEnd)
        }
    }

    @Test(arguments: [0, 31, 32, 255, 256, 70_000]) func packedTextsComeBack(_ length: Int) throws {
        let text = String(repeating: "x", count: length)
        var writer = PackedWriter(count: 1)
        writer.text(text)
        var reader = try #require(PackedReader(writer.bytes))
        #expect(reader.text() == text)
    }

    /// Whatever stands in Redis: no trap, and no state that cannot be.
    @Test func foreignStateIsHarmless() {
        var random = SplitMix(10)
        for round in 0..<20_000 {
            var bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            if round % 2 == 0, !bytes.isEmpty { bytes[0] = 0x90 | UInt8.random(in: 0...15, using: &random) }
            let counters: [any RateWindow] = [
                SlidingWindow(quantity: 10, span: 1000, bytes: bytes), ExactLog(quantity: 10, span: 1000, bytes: bytes),
                TokenBucket(quantity: 10, span: 1000, burst: 5, bytes: bytes),
                CalendarQuota(quantity: 10, period: .month, bytes: bytes),
            ]
            for var counter in counters {
                let outcome = counter.decide(cost: 3, now: start)
                #expect(outcome.remaining >= 0)
                counter.charge(cost: 1_000_000, now: start)
                counter.refund(cost: 7, chargedAt: start, now: start)
                #expect(counter.lifetime(now: start) >= 0)
                #expect(counter.bytes.count < 400)
            }
            var held = Concurrency(quantity: 3, expiry: 1000, bytes: bytes)
            #expect(held.acquire(id: "a", cost: 1, now: start).remaining >= 0)
        }
    }

    /// 250 bytes are promised for a window in use throughout.
    @Test func aFullWindowIsSmall() {
        var window = SlidingWindow(quantity: 1_000_000, span: 60_000)
        for step in 0..<Int64(51) { window.charge(cost: 60_000, now: start + step * 1200) }
        #expect(window.bytes.count <= 180)
        var sparse = SlidingWindow(quantity: 1_000_000, span: 60_000)
        for step in 0..<Int64(26) { sparse.charge(cost: 1, now: start + step * 2400) }
        #expect(sparse.bytes.count <= 70)
    }

    @Test func largestNumbersStayExact() {
        let span = Bounds.span
        let burst = TokenBucket.highestBurst(span: span)
        for (span, burst) in [
            (span, burst), (1, TokenBucket.highestBurst(span: 1)), (60_000, TokenBucket.highestBurst(span: 60_000)),
        ] {
            #expect(burst >= 1)
            #expect((2 * burst + Bounds.cost) * span + Bounds.bucketQuantity <= Bounds.exactInteger)
            var bucket = TokenBucket(quantity: Bounds.bucketQuantity, span: span, burst: burst)
            for _ in 0..<3000 { bucket.charge(cost: Bounds.cost, now: start) }
            #expect(!bucket.outcome(cost: 1, now: start).admitted)
            #expect(
                TokenBucket(quantity: Bounds.bucketQuantity, span: span, burst: burst, bytes: bucket.bytes) == bucket)
        }
        #expect(51 * (Bounds.count + Bounds.cost) < Bounds.exactInteger)
        var window = SlidingWindow(quantity: Bounds.quantity, span: span)
        for step in 0..<Int64(60) { window.charge(cost: Bounds.cost, now: start + step * span / 50) }
        #expect(
            window.outcome(cost: 1, now: start + 60 * span / 50).remaining == Bounds.quantity - 51 * Bounds.cost - 1
                + Bounds.cost)
        #expect(window.outcome(cost: .max, now: start).remaining <= Bounds.quantity)
        #expect(window.outcome(cost: .min, now: start).admitted)
    }

    @Test func aClockThatIsSetBack() {
        let span: Int64 = 60_000
        var counters: [any RateWindow] = [
            SlidingWindow(quantity: 5, span: span), ExactLog(quantity: 5, span: span),
            TokenBucket(quantity: 5, span: span, burst: 5), CalendarQuota(quantity: 5, period: .day),
        ]
        for index in counters.indices {
            #expect(counters[index].decide(cost: 5, now: start).admitted)
            // A little: what was counted goes on counting, and the wait that is told is right.
            let late = counters[index].outcome(cost: 5, now: start - 2000)
            #expect(!late.admitted)
            if let retryAfter = late.retryAfter {
                #expect(!counters[index].outcome(cost: 5, now: start - 2000 + retryAfter - 1).admitted)
                #expect(counters[index].outcome(cost: 5, now: start - 2000 + retryAfter).admitted)
            }
            // By days: nobody waits for the clock to come back.
            #expect(counters[index].outcome(cost: 5, now: start - 5 * 86_400_000).admitted)
        }
    }

    @Test func whatALeaseSpendsLaterCountsThen() throws {
        var random = SplitMix(11)
        for _ in 0..<200 {
            let span = Int64.random(in: 1...200, using: &random) * 50
            let width = span / 50
            let quantity = Int64.random(in: 5...100, using: &random)
            var window = SlidingWindow(quantity: quantity, span: span)
            var spent: [(time: Int64, cost: Int64)] = []
            var now = start
            for _ in 0..<300 {
                now += Int64.random(in: 0...width, using: &random)
                let cost = Int64.random(in: 1...max(quantity / 4, 1), using: &random)
                guard window.outcome(cost: cost, now: now).admitted else { continue }
                // The holder spends as late as it may.
                window.charge(cost: cost, now: now, ahead: width)
                spent.append((now + width, cost))
                window = SlidingWindow(quantity: quantity, span: span, bytes: window.bytes)
            }
            for end in spent {
                let sum = spent.reduce(0) { end.time - span <= $1.time && $1.time <= end.time ? $0 + $1.cost : $0 }
                try #require(sum <= quantity)
            }
        }
    }

    @Test func refunds() {
        for algorithm in [
            .window(span: 60_000), .exact(span: 60_000), .bucket(span: 60_000, burst: 10), .calendar(.day),
        ]
            as [LimitAlgorithm]
        {
            guard var counter = algorithm.counter(quantity: 10) else { continue }
            #expect(counter.decide(cost: 8, now: start).admitted)
            counter.refund(cost: 5, chargedAt: start, now: start + 5)
            #expect(counter.outcome(cost: 7, now: start + 5).admitted)
            #expect(!counter.outcome(cost: 8, now: start + 5).admitted)
            counter.refund(cost: 100, chargedAt: start, now: start + 5)
            #expect(counter.outcome(cost: 10, now: start + 5).admitted)
            #expect(!counter.outcome(cost: 11, now: start + 5).admitted)
        }
    }

    @Test func calendarPeriodsAreThoseOfFoundation() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
        var random = SplitMix(12)
        for _ in 0..<2000 {
            let now = Int64.random(in: 0...7_258_118_400_000, using: &random)
            let date = Date(timeIntervalSince1970: Double(now) / 1000)
            let parts = calendar.dateComponents([.year, .month], from: date)
            let month = Int64(try #require(parts.year)) * 12 + Int64(try #require(parts.month)) - 1
            #expect(CalendarPeriod.month.number(at: now) == month)
            let begin = try #require(calendar.dateInterval(of: .month, for: date))
            #expect(CalendarPeriod.month.start(of: month) == Int64(begin.start.timeIntervalSince1970) * 1000)
            #expect(CalendarPeriod.month.start(of: month + 1) == Int64(begin.end.timeIntervalSince1970) * 1000)
            let day = CalendarPeriod.day.number(at: now)
            #expect(CalendarPeriod.day.start(of: day) <= now && now < CalendarPeriod.day.start(of: day + 1))
        }
    }

    @Test func concurrencyAgainstALedger() throws {
        var random = SplitMix(13)
        for _ in 0..<50 {
            let quantity = Int64.random(in: 1...20, using: &random)
            var held = Concurrency(quantity: quantity, expiry: 1000)
            var ledger: [String: (end: Int64, permits: Int64)] = [:]
            var now = start
            for _ in 0..<500 {
                now += Int64.random(in: 0...100, using: &random)
                ledger = ledger.filter { now < $0.value.end }
                let id = "h\(Int.random(in: 0..<30, using: &random))"
                if Int.random(in: 0..<3, using: &random) == 0 {
                    #expect(held.release(id: id) || ledger[id] == nil)
                    ledger[id] = nil
                } else {
                    let cost = Int64.random(in: 1...3, using: &random)
                    let others = ledger.filter { $0.key != id }.values.reduce(0) { $0 + $1.permits }
                    let before = held
                    let outcome = held.acquire(id: id, cost: cost, now: now)
                    try #require(outcome.admitted == (others + cost <= quantity))
                    if outcome.admitted {
                        ledger[id] = (now + 1000, cost)
                    } else {
                        try #require(held == before)
                        if let retryAfter = outcome.retryAfter {
                            try #require(!held.outcome(cost: cost, now: now + retryAfter - 1, id: id).admitted)
                            try #require(held.outcome(cost: cost, now: now + retryAfter, id: id).admitted)
                        } else {
                            try #require(cost > quantity)
                        }
                    }
                }
                try #require(Concurrency(quantity: quantity, expiry: 1000, bytes: held.bytes) == held)
                try #require(ledger.values.reduce(0) { $0 + $1.permits } <= quantity)
            }
        }
    }
}
