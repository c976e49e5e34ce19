import NIOCore
import Testing

@testable import Redis

@Suite struct ReplyReaderTests {
    private func read(_ bytes: [UInt8], by step: Int, limits: ReplyLimits = ReplyLimits()) throws -> [RESPValue] {
        let reader = try ReplyReader(limits: limits)
        var replies: [RESPValue] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            try reader.read(ByteBuffer(bytes: rest.prefix(step))) { replies.append($0) }
            rest = rest.dropFirst(step)
        }
        return replies
    }

    private static let text =
        "+OK\r\n-ERR bad\r\n:42\r\n:-7\r\n$5\r\nhello\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n"
        + "*3\r\n:1\r\n*2\r\n$1\r\na\r\n*0\r\n$-1\r\n+PONG\r\n"
    private static let values: [RESPValue] = [
        .status("OK"), .error("ERR bad"), .integer(42), .integer(-7), .bulk(Array("hello".utf8)), .bulk([]), .null,
        .null, .array([]), .array([.integer(1), .array([.bulk(Array("a".utf8)), .array([])]), .null]),
        .status("PONG"),
    ]

    @Test(arguments: [1, 2, 3, 5, 7, 64, 10_000]) func anyPortionsGiveTheSameReplies(step: Int) throws {
        #expect(try read(Array(Self.text.utf8), by: step) == Self.values)
    }

    @Test func bytesOfAllValuesPass() throws {
        let bytes = (0..<1_000).map { UInt8(truncatingIfNeeded: $0) }
        let reply = Array("$1000\r\n".utf8) + bytes + Array("\r\n".utf8)
        #expect(try read(reply, by: 13) == [.bulk(bytes)])
    }

    @Test func aReplyOfManyPortionsPasses() throws {
        let bytes = [UInt8](repeating: 0x61, count: 3 << 20)
        let reply = Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n:1\r\n".utf8)
        #expect(try read(reply, by: 60_000) == [.bulk(bytes), .integer(1)])
    }

    @Test(arguments: [
        "?what\r\n", "HTTP/1.1 400 Bad Request\r\n", ":12x\r\n", "$abc\r\n", "*x\r\n", "$-2\r\n", "*-5\r\n",
    ])
    func whatIsNoReplyIsRefused(text: String) {
        #expect(throws: RedisError.self) { try read(Array(text.utf8), by: 100) }
    }

    @Test func depthIsBounded() throws {
        let deepest = String(repeating: "*1\r\n", count: 7) + ":1\r\n"
        #expect(try read(Array(deepest.utf8), by: 100).count == 1)
        let deeper = String(repeating: "*1\r\n", count: 1_000)
        #expect(throws: RedisError.self) { try read(Array(deeper.utf8), by: 100) }
    }

    @Test func sizeIsBounded() {
        var limits = ReplyLimits()
        limits.bytes = 1_000
        limits.values = 100
        // Announced only: nothing may be reserved for it.
        #expect(throws: RedisError.self) { try read(Array("*2147483647\r\n".utf8), by: 100) }
        #expect(throws: RedisError.self) { try read(Array("*101\r\n".utf8), by: 100, limits: limits) }
        #expect(throws: RedisError.self) {
            let wide = "*50\r\n" + String(repeating: "*2\r\n:1\r\n:2\r\n", count: 50)
            return try read(Array(wide.utf8), by: 100, limits: limits)
        }
        #expect(throws: RedisError.self) {
            let endless = "$900000\r\n" + String(repeating: "x", count: 2_000)
            return try read(Array(endless.utf8), by: 100, limits: limits)
        }
        #expect(throws: RedisError.self) {
            let many = "*3\r\n" + String(repeating: "$400\r\n\(String(repeating: "x", count: 400))\r\n", count: 3)
            return try read(Array(many.utf8), by: 100, limits: limits)
        }
    }

    @Test func limitsHoldForEachReplyAlone() throws {
        var limits = ReplyLimits()
        limits.bytes = 1_000
        limits.values = 10
        let one = "*2\r\n$300\r\n\(String(repeating: "x", count: 300))\r\n:1\r\n"
        let replies = try read(Array(String(repeating: one, count: 50).utf8), by: 100, limits: limits)
        #expect(replies.count == 50)
    }

    /// Random bytes, and valid replies with some bytes changed, cut or doubled: an error or replies, never a crash.
    @Test func noInputCrashesIt() {
        var generator = SplitMix64(state: 0x5EED)
        var refused = 0
        for round in 0..<4_000 {
            var bytes: [UInt8]
            if round % 2 == 0 {
                bytes = (0..<Int.random(in: 1...200, using: &generator)).map { _ in
                    UInt8.random(in: 0...255, using: &generator)
                }
                bytes[0] = Array("+-:$*".utf8).randomElement(using: &generator) ?? 0
            } else {
                bytes = Array(Self.text.utf8)
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    let index = Int.random(in: 0..<bytes.count, using: &generator)
                    switch Int.random(in: 0..<3, using: &generator) {
                    case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                    case 1: bytes.remove(at: index)
                    default: bytes.insert(bytes[index], at: index)
                    }
                }
            }
            do { _ = try read(bytes, by: Int.random(in: 1...50, using: &generator)) } catch { refused += 1 }
        }
        #expect(refused > 100)
    }
}

/// Sebastiano Vigna's generator: the same numbers in every run.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
