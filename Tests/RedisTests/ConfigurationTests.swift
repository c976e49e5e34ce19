import Testing

@testable import Redis

@Suite struct ConfigurationTests {
    @Test func standalone() throws {
        let plain = try RedisConfiguration(url: "redis://localhost")
        #expect(plain.topology == .standalone(RedisAddress(host: "localhost", port: 6379)))
        #expect(!plain.isTLS)
        #expect(plain.password == nil)
        let full = try RedisConfiguration(url: "rediss://app:p%40ss%3A%2Fword@10.0.0.1:7000/5")
        #expect(full.topology == .standalone(RedisAddress(host: "10.0.0.1", port: 7000)))
        #expect(full.isTLS)
        #expect(full.username == "app")
        #expect(full.password == "p@ss:/word")
        #expect(full.database == 5)
        let six = try RedisConfiguration(url: "redis://:only@[::1]:7000?db=2")
        #expect(six.topology == .standalone(RedisAddress(host: "::1", port: 7000)))
        #expect(six.username == nil)
        #expect(six.password == "only")
        #expect(six.database == 2)
    }

    @Test func sentinelAndCluster() throws {
        let sentinel = try RedisConfiguration(url: "rediss+sentinel://u:p@a:1,b,c:3/my-master?db=1")
        #expect(
            sentinel.topology
                == .sentinel(
                    nodes: [
                        RedisAddress(host: "a", port: 1), RedisAddress(host: "b", port: 26_379),
                        RedisAddress(host: "c", port: 3),
                    ], master: "my-master"))
        #expect(sentinel.isTLS)
        #expect(sentinel.database == 1)
        #expect(sentinel.password == "p")
        let cluster = try RedisConfiguration(url: "redis+cluster://a:1,b")
        #expect(
            cluster.topology
                == .cluster(seeds: [RedisAddress(host: "a", port: 1), RedisAddress(host: "b", port: 6379)]))
    }

    @Test(arguments: [
        "", "localhost:6379", "http://localhost", "redis://", "redis://:0", "redis://a:0", "redis://a:70000",
        "redis://a:x", "redis://a/x", "redis://a/-1", "redis://user@a", "redis://u:%zz@a", "redis://a?timeout=1",
        "redis+sentinel://a", "redis+sentinel:///m", "redis+cluster://a/1", "redis+cluster://a,,b", "redis://[::1",
        "redissx://a",
    ])
    func badURLsAreRefusedWithoutShowingThem(url: String) {
        do {
            _ = try RedisConfiguration(url: url)
            Issue.record("accepted")
        } catch {
            guard case .configuration(let text) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(url.isEmpty || !text.contains(url))
        }
    }

    @Test func passwordsAreNotPrinted() throws {
        let configuration = try RedisConfiguration(url: "rediss://app:pa55word@10.0.0.1")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("pa55word"))
            #expect(text.contains("10.0.0.1:6379"))
        }
    }

    @Test func errorLinesThatSayNotNowAreUnavailable() {
        #expect(RedisError(line: "LOADING Redis is loading") == .unavailable("LOADING Redis is loading"))
        #expect(RedisError(line: "READONLY You can't") == .unavailable("READONLY You can't"))
        #expect(RedisError(line: "MASTERDOWN Link") == .unavailable("MASTERDOWN Link"))
        #expect(RedisError(line: "ERR unknown command") == .server("ERR unknown command"))
        #expect(RedisError(line: "LOADINGX") == .server("LOADINGX"))
        #expect(RedisError.unavailable("").isCertainlyNotExecuted)
        #expect(!RedisError.outcomeUnknown("").isCertainlyNotExecuted)
    }
}

@Suite struct ClusterLayoutTests {
    /// From the cluster specification and from `CLUSTER KEYSLOT`.
    @Test(arguments: [
        ("123456789", 12_739), ("foo", 12_182), ("", 0), ("{user1000}.following", 3_443),
        ("{user1000}.followers", 3_443), ("foo{}{bar}", 8_363), ("foo{{bar}}zap", 4_015), ("foo{bar}{zap}", 5_061),
        ("bar", 5_061), ("{bar", 4_015),
    ])
    func slots(key: String, slot: Int) { #expect(HashSlot.of(key) == slot) }

    private let node = RedisAddress(host: "10.0.0.9", port: 7000)

    private func range(_ first: Int64, _ last: Int64, _ host: String, _ port: Int64) -> RESPValue {
        .array([.integer(first), .integer(last), .array([.bulk(Array(host.utf8)), .integer(port), .bulk([])])])
    }

    @Test func layoutIsLearntAndCorrected() throws {
        let reply = RESPValue.array([range(0, 8_191, "a", 1), range(8_192, 16_382, "", 2)])
        var layout = try #require(ClusterLayout(reply, from: node))
        #expect(layout.masters == [RedisAddress(host: "a", port: 1), RedisAddress(host: "10.0.0.9", port: 2)])
        #expect(layout[0] == layout.masters[0])
        #expect(layout[8_191] == layout.masters[0])
        #expect(layout[8_192] == layout.masters[1])
        #expect(layout[16_383] == nil)
        layout.move(5, to: RedisAddress(host: "c", port: 3))
        #expect(layout[5] == RedisAddress(host: "c", port: 3))
        layout.move(70_000, to: node)
    }

    @Test func nonsenseIsNoLayout() {
        #expect(ClusterLayout(.null, from: node) == nil)
        #expect(ClusterLayout(.array([]), from: node) == nil)
        #expect(ClusterLayout(.array([range(0, 16_384, "a", 1)]), from: node) == nil)
        #expect(ClusterLayout(.array([range(-1, 5, "a", 1)]), from: node) == nil)
        #expect(ClusterLayout(.array([range(9, 5, "a", 1)]), from: node) == nil)
        #expect(ClusterLayout(.array([range(0, 5, "a", 70_000)]), from: node) == nil)
        #expect(ClusterLayout(.array([.integer(3)]), from: node) == nil)
    }

    @Test func redirections() {
        let there = RedisAddress(host: "127.0.0.1", port: 6381)
        #expect(ClusterRedirection("MOVED 3999 127.0.0.1:6381", from: node) == .moved(slot: 3_999, there))
        #expect(ClusterRedirection("ASK 3999 127.0.0.1:6381", from: node) == .ask(there))
        #expect(
            ClusterRedirection("MOVED 1 :6381", from: node)
                == .moved(slot: 1, RedisAddress(host: "10.0.0.9", port: 6_381)))
        #expect(
            ClusterRedirection("MOVED 1 ::1:6381", from: node)
                == .moved(slot: 1, RedisAddress(host: "::1", port: 6_381)))
        for line in ["MOVED", "MOVED 1", "MOVED x 1:2", "MOVED 99999 a:1", "MOVED 1 a:0", "MOVED 1 a", "ERR no 1 a:1"] {
            #expect(ClusterRedirection(line, from: node) == nil)
        }
    }

    @Test func sentinelsVote() {
        let a = RedisAddress(host: "a", port: 1)
        let b = RedisAddress(host: "b", port: 2)
        #expect(SentinelDirectory.ranked([a, b, b]) == [b, a])
        #expect(SentinelDirectory.ranked([]).isEmpty)
        #expect(SentinelDirectory.address(.null) == nil)
        #expect(SentinelDirectory.address(.array([.bulk(Array("a".utf8)), .bulk(Array("1".utf8))])) == a)
        #expect(SentinelDirectory.address(.array([.bulk(Array("a".utf8)), .bulk(Array("x".utf8))])) == nil)
    }
}
