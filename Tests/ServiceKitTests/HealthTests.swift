import Logging
import StrictJSON
import Synchronization
import Testing
import TestSupport

@testable import ServiceKit

struct Down: Error, CustomStringConvertible {
    var description = "redis://user:hunter2@host is down"
}

@Suite struct HealthTests {
    @Test func isReadyWhenEverythingRequiredIsUp() async {
        let health = HealthChecks()
        #expect(await health.report().isReady)
        health.register("database") {}
        health.register("cache", isRequired: false) { throw Down() }
        let report = await health.report()
        #expect(report.isReady)
        #expect(report.dependencies.map(\.name) == ["database", "cache"])
        #expect(report.dependencies.map(\.isUp) == [true, false])
        health.register("redis") { throw Down() }
        #expect(await health.report().isReady == false)
        #expect(await health.report().missing == ["redis"])
    }

    @Test func saysNothingOfErrors() async {
        let health = HealthChecks()
        health.register("redis") { throw Down() }
        let text = await health.report().json().encodedString()
        #expect(text.contains("\"redis\""))
        #expect(!text.contains("hunter2"))
        #expect(!text.contains("host"))
    }

    @Test func drainingIsNeverReady() async {
        let health = HealthChecks()
        health.register("database") {}
        #expect(await health.report().isReady)
        health.startDraining()
        let report = await health.report()
        #expect(!report.isReady)
        #expect(report.isDraining)
        #expect(report.json()["status"]?.string == "draining")
    }

    @Test func concurrentCallersShareARunAndItsResultIsKept() async {
        let health = HealthChecks()
        let runs = Mutex(0)
        let latch = Latch()
        health.register("database") {
            runs.withLock { $0 += 1 }
            await latch.pass()
        }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 { group.addTask { await health.report().isReady } }
            group.addTask {
                while latch.waiting == 0 { await Task.yield() }
                latch.open()
                return true
            }
            for await ready in group { #expect(ready) }
        }
        #expect(await health.report().isReady)
        #expect(runs.withLock { $0 } == 1)
    }

    @Test func resultsAreKeptForAMomentOnly() async throws {
        let health = HealthChecks(checkLimit: .seconds(2), cacheTime: .milliseconds(20), logger: quietLogger)
        let isUp = Mutex(true)
        health.register("database") { if !isUp.withLock({ $0 }) { throw Down() } }
        #expect(await health.report().isReady)
        isUp.withLock { $0 = false }
        try await eventually { await !health.report().isReady }
        isUp.withLock { $0 = true }
        try await eventually { await health.report().isReady }
    }

    @Test func checksThatHangAreDownAndHoldUpNobody() async {
        let health = HealthChecks(checkLimit: .milliseconds(50), cacheTime: .seconds(1), logger: quietLogger)
        let latch = Latch()
        defer { latch.open() }
        health.register("hanging") {
            // Takes no notice of its cancellation.
            await Task { await latch.pass() }.value
        }
        health.register("database") {}
        let report = await health.report()
        #expect(report.missing == ["hanging"])
    }

    @Test func startupWaitsAndTellsOfEachChangeOnce() async throws {
        let sink = MemorySink()
        let logger = ServiceLog.logger(service: "test", level: .info, sink: sink)
        let health = HealthChecks(checkLimit: .seconds(2), cacheTime: .zero, logger: quietLogger)
        let attempt = Mutex(0)
        health.register("database") { if attempt.withLock({ $0 }) < 6 { throw Down() } }
        health.register("redis") { if attempt.withLock({ $0 }) < 3 { throw Down() } }
        health.register("metrics", isRequired: false) { throw Down() }
        let waits = Mutex<[Duration]>([])
        try await Startup.waitForDependencies(health, logger: logger) { duration in
            waits.withLock { $0.append(duration) }
            attempt.withLock { $0 += 1 }
        }
        let lines = sink.lines
        #expect(lines.count == 3)
        #expect(lines[0]["missing"]?.strings == ["database", "redis"])
        #expect(lines[1]["missing"]?.strings == ["database"])
        #expect(!sink.text.contains("hunter2"))
        let slept = waits.withLock { $0 }
        #expect(slept.count == 6)
        #expect(slept.allSatisfy { $0 >= .milliseconds(50) && $0 <= .seconds(5) })
        #expect(slept[5] >= .milliseconds(1_600))
    }

    @Test func startupEndsWhenCancelled() async throws {
        let health = HealthChecks()
        health.register("database") { throw Down() }
        let waiting = Task { try await Startup.waitForDependencies(health, logger: quietLogger) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }
}

/// Keeps log lines.
final class MemorySink: LogSink {
    private let written = Mutex<[UInt8]>([])

    func write(_ line: [UInt8]) { written.withLock { $0 += line } }

    var text: String { String(decoding: written.withLock { $0 }, as: UTF8.self) }
    var lines: [JSONValue] {
        text.split(separator: "\n").compactMap { try? JSONValue(parsing: Array($0.utf8)) }
    }
}
