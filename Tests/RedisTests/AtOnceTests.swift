import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Redis

/// Commands from event loops, without tasks.
@Suite struct AtOnceTests {
    private typealias Reply = Result<RESPValue, RedisError>

    /// Sends a command on an event loop and waits for its answer; nil when it was not taken.
    private func send(
        _ arguments: [RedisArgument], by client: RedisClient, on eventLoop: any EventLoop
    ) async throws -> Reply? {
        let promise = eventLoop.makePromise(of: Reply?.self)
        eventLoop.execute {
            let isTaken = client.sendAtOnce(arguments) { reply in
                eventLoop.assertInEventLoop()
                promise.succeed(reply)
            }
            if !isTaken { promise.succeed(nil) }
        }
        return try await promise.futureResult.get()
    }

    private var eventLoops: [any EventLoop] { MultiThreadedEventLoopGroup.singleton.makeIterator().map { $0 } }

    @Test func repliesComeOnTheSameEventLoopAndInOrderWithOthers() async throws {
        let server = try await RedisServer()
        try await withClient(server) { client in
            await client.prepare()
            for eventLoop in eventLoops {
                #expect(try await send(["SET", "a", "b"], by: client, on: eventLoop) == .success(.status("OK")))
                #expect(try await send(["GET", "a"], by: client, on: eventLoop)?.get().string == "b")
                let refused = try await send(["LPUSH", "a", "c"], by: client, on: eventLoop)
                guard case .success(.error(let line))? = refused else {
                    Issue.record("\(String(describing: refused))")
                    continue
                }
                #expect(line.hasPrefix("WRONGTYPE"))
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        let key = RedisArgument.string("key-\(number)")
                        _ = try await client.send(["SET", key, .int(number)])
                        let reply = try await self.send(
                            ["GET", key], by: client, on: self.eventLoops[number % 2 % self.eventLoops.count])
                        #expect(try reply?.get().int == Int64(number))
                    }
                }
                try await group.waitForAll()
            }
            #expect(client.statistics.queued == 0)
        }
    }

    @Test func nothingIsTakenBeforeThereIsAConnectionNorFromElsewhere() async throws {
        let server = try await RedisServer()
        try await withClient(server) { client in
            #expect(try await send(["PING"], by: client, on: eventLoops[0]) == nil)
            await client.prepare()
            #expect(try await send(["PING"], by: client, on: eventLoops[0]) != nil)
            let stranger = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            #expect(try await send(["PING"], by: client, on: stranger.next()) == nil)
            try await stranger.shutdownGracefully()
            #expect(client.statistics.queued == 0)
        }
    }

    @Test func aCutConnectionAnswersEveryCommandAndTakesNoMoreUntilItIsBack() async throws {
        let server = try await RedisServer()
        try await withClient(server) { client in
            await client.prepare()
            server.pause()
            async let answer = send(["GET", "a"], by: client, on: eventLoops[0])
            try await eventually("the command to be on its way") { client.statistics.queued == 1 }
            server.kill()
            guard case .failure(.outcomeUnknown)? = try await answer else {
                Issue.record("the command was answered")
                return
            }
            #expect(client.statistics.queued == 0)
            #expect(try await send(["PING"], by: client, on: eventLoops[0]) == nil)
            try await server.start()
            try await eventually("a new connection", within: .seconds(20)) {
                try await send(["PING"], by: client, on: eventLoops[0]) != nil
            }
        }
    }

    @Test func aFullQueueTakesNothing() async throws {
        let server = try await RedisServer()
        var small = try configuration(server)
        small.maxQueuedPerConnection = 1
        try await withClient(small) { client in
            await client.prepare()
            let eventLoop = eventLoops[0]
            let taken = try await eventLoop.submit {
                [client.sendAtOnce(["PING"]) { _ in }, client.sendAtOnce(["PING"]) { _ in }]
            }.get()
            #expect(taken == [true, false])
            try await eventually("the answer") { client.statistics.queued == 0 }
        }
    }

    @Test func aClusterIsAskedWhereTheKeyIs() async throws {
        let cluster = try await RedisCluster()
        try await withClient(try RedisConfiguration(url: cluster.url)) { client in
            await client.prepare()
            for number in 0..<20 {
                let key = RedisArgument.string("key-\(number)")
                _ = try await client.send(["SET", key, .int(number)])
                try await eventually("a connection") {
                    try await send(["GET", key], by: client, on: eventLoops[0])?.get().int == Int64(number)
                }
            }
        }
    }
}
