import Foundation
import TestSupport
import Testing

/// What all other tests rely on.
@Suite struct TestServerTests {
    @Test func aProgramIsRunToItsEnd() async throws {
        let outcome = try await ChildProcess.run(
            "sh", ["-c", "cat; pwd; echo \"$COLOUR\" >&2; exit 3"], environment: ["COLOUR": "green"],
            workingDirectory: "/usr", input: "given\n")
        #expect(outcome.status == .exited(3))
        #expect(outcome.output == "given\n/usr\n")
        #expect(outcome.errors == "green\n")
        await #expect(throws: ChildProcess.Failure.self) { try await ChildProcess.check("false") }
        await #expect(throws: ChildProcess.Failure.self) {
            try await ChildProcess.run("sleep", ["30"], within: .milliseconds(50))
        }
    }

    @Test func signalsAndTheEndAreSeen() async throws {
        let child = try ChildProcess("sleep", ["60"])
        #expect(child.isRunning)
        child.pause()
        let pid = child.pid
        try await eventually("it is stopped") {
            try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8).contains(") T ")
        }
        #expect(await child.terminate() == .signaled(SIGTERM))
        #expect(!child.isRunning)
        child.signal(SIGTERM)
        do {
            let forgotten = try ChildProcess("sleep", ["60"])
            #expect(FileManager.default.fileExists(atPath: "/proc/\(forgotten.pid)"))
        }
        let missing = try ChildProcess("/no/such/program")
        #expect(try await missing.wait() != .exited(0))
    }

    @Test func waitingEnds() async throws {
        await #expect(throws: NeverHappened.self) {
            try await eventually(within: .milliseconds(30)) { false }
        }
        var calls = 0
        let value = try await eventuallyValue { () -> Int? in
            calls += 1
            return calls == 3 ? calls : nil
        }
        #expect(value == 3)
    }

    @Test(arguments: [true, false]) func aServerGoesBackToASnapshot(appendOnly: Bool) async throws {
        let server = try await RedisServer(.init(appendOnly: appendOnly, settings: ["appendfsync always"]))
        try await server.cli(["SET", "old", "1"])
        let snapshot = try await server.snapshot()
        try await server.cli(["SET", "new", "1"])
        try await server.restore(snapshot)
        #expect(try await server.cli(["GET", "old"]) == "1")
        #expect(try await server.cli(["GET", "new"]).isEmpty)
        server.kill()
        try server.eraseData()
        try await server.start()
        #expect(try await server.cli(["DBSIZE"]) == "0")
    }
}
