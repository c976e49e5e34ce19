import Foundation
import RateLimits
import Synchronization
import TestSupport
import Testing

@testable import RateLimitService

/// What 64 clients of four replicas do to one limit.
struct Siege: Sendable {
    /// When requests that were admitted began and ended, by a monotonic clock in milliseconds.
    let admitted: [(from: Int64, to: Int64)]
    let local: Int
    let asked: Int

    /// - Parameter replicas: whose requests count together.
    static func run(
        _ replicas: [Replica], clients: Int = 64, for time: Duration,
        _ descriptors: @escaping @Sendable (Int) -> Descriptors
    ) async -> Siege {
        await withTaskGroup(of: Siege.self) { group in
            let deadline = ContinuousClock.now + time
            for client in 0..<clients {
                let replica = replicas[client % replicas.count]
                group.addTask {
                    var (admitted, local, asked): ([(Int64, Int64)], Int, Int) = ([], 0, 0)
                    while ContinuousClock.now < deadline {
                        let from = RedisGates.monotonic()
                        let decision = await replica.check(descriptors(client))
                        let to = RedisGates.monotonic()
                        asked += 1
                        if decision.source == .local { local += 1 }
                        if decision.isAllowed {
                            admitted.append((from, to))
                        } else {
                            try? await Task.sleep(for: .milliseconds(2))
                        }
                    }
                    return Siege(admitted: admitted, local: local, asked: asked)
                }
            }
            var (admitted, local, asked): ([(Int64, Int64)], Int, Int) = ([], 0, 0)
            for await one in group {
                admitted += one.admitted
                local += one.local
                asked += one.asked
            }
            return Siege(admitted: admitted, local: local, asked: asked)
        }
    }

    /// The most that were admitted in a window, counting those alone that certainly were within it.
    func most(in span: Int64) -> Int {
        let byStart = admitted.sorted { $0.from < $1.from }
        var most = 0
        for (index, one) in byStart.enumerated() {
            var count = 0
            for other in byStart[index...] {
                // Redis decided between the two instants.
                if other.from >= one.from + span { break }
                if other.to < one.from + span { count += 1 }
            }
            most = max(most, count)
        }
        return most
    }
}

@Suite("Replicas", .serialized) struct ReplicaTests {
    @Test("64 clients on four replicas: never over, and under only within the bound")
    func oneLimit() async throws {
        let redis = try await Shared.redis()
        let name = unique("siege")
        let limits = "limits: [{ name: \(name), per: [user], quantity: 300, window: 1s }]"
        var replicas: [Replica] = []
        for _ in 0..<4 { replicas.append(try await Replica(redis.url, limits, replicas: 4)) }
        let siege = await Siege.run(replicas, for: .seconds(6)) { _ in .user(name) }
        #expect(siege.local == 0)
        #expect(siege.most(in: 1_000) <= 300)
        // Whoever asks all the time gets at least what an exact window of 1.02 s would give: 300 in each.
        #expect(siege.admitted.count >= 5 * 300, "\(siege.admitted.count) of \(siege.asked)")
        #expect(siege.admitted.count <= 7 * 300)
        for replica in replicas { await replica.stop() }
    }

    @Test("a limit of everybody beside those of each: neither is passed, and what one refuses the other keeps")
    func twoLimits() async throws {
        let redis = try await Shared.redis()
        let name = unique("both")
        let limits = """
            limits:
              - { name: \(name), quantity: 200, window: 1s }
              - { name: \(name)-user, per: [user], quantity: 10, window: 1s }
            """
        var replicas: [Replica] = []
        for _ in 0..<4 { replicas.append(try await Replica(redis.url, limits, replicas: 4)) }
        // Thirty-two users with two clients each could use 320.
        let siege = await Siege.run(replicas, for: .seconds(3)) { .user("\(name)-\($0 % 32)") }
        #expect(siege.local == 0)
        #expect(siege.most(in: 1_000) <= 200)
        #expect(siege.admitted.count >= 2 * 200)
        for replica in replicas { await replica.stop() }
    }
}
