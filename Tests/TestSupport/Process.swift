import Foundation
import Synchronization

/// A program that a test has started: its output goes to a file, and it dies with the test process, however that ends.
///
/// The child is started through `setpriv --pdeathsig KILL`. Linux ties that signal to the *thread* which started the
/// child, so that all children are started from one thread that never ends.
package final class ChildProcess: Sendable {
    package enum Status: Sendable, Equatable {
        case exited(Int32)
        case signaled(Int32)
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// What a program that ran to its end left behind.
    package struct Outcome: Sendable {
        package let status: Status
        package let output: String
        package let errors: String

        package var succeeded: Bool { status == .exited(0) }
    }

    package let pid: pid_t
    package let name: String
    /// The file that takes standard output, and standard error when it has no file of its own.
    package let outputPath: String
    private let ownsOutput: Bool
    private let state = Mutex<Status?>(nil)

    /// Starts a program.
    /// - Parameters:
    ///   - executable: a path, or a name looked up in `PATH`.
    ///   - environment: put over this process' own.
    ///   - inheritsEnvironment: false starts the program with `environment` alone.
    ///   - output: file that the output is appended to; a temporary file when nil.
    ///   - errors: file for standard error; with the output when nil.
    ///   - input: file for standard input; `/dev/null` when nil.
    package init(
        _ executable: String, _ arguments: [String] = [], environment: [String: String] = [:],
        inheritsEnvironment: Bool = true, workingDirectory: String? = nil, output: String? = nil,
        errors: String? = nil, input: String? = nil
    ) throws {
        name = executable.split(separator: "/").last.map(String.init) ?? executable
        ownsOutput = output == nil
        outputPath = output ?? NSTemporaryDirectory() + "jts-\(name)-\(UUID().uuidString.prefix(8)).log"
        var variables = inheritsEnvironment ? ProcessInfo.processInfo.environment : [:]
        variables.merge(environment) { $1 }
        let request = SpawnRequest(
            program: executable,
            arguments: ["setpriv", "--pdeathsig", "KILL", "--"]
                + (workingDirectory.map { ["env", "--chdir=\($0)"] } ?? []) + [executable] + arguments,
            environment: variables.map { "\($0)=\($1)" }, output: outputPath, errors: errors,
            input: input ?? "/dev/null")
        pid = try SpawnThread.shared.spawn(request)
    }

    deinit {
        kill()
        if ownsOutput { try? FileManager.default.removeItem(atPath: outputPath) }
    }

    // MARK: - Signals

    /// Sends a signal; does nothing when the program has ended.
    package func signal(_ number: Int32) {
        state.withLock { status in
            Self.reap(pid, &status)
            if status == nil { Foundation.kill(pid, number) }
        }
    }

    /// SIGSTOP: connections stay open and nothing answers.
    package func pause() { signal(SIGSTOP) }
    package func resume() { signal(SIGCONT) }

    /// SIGKILL, and waits until the program is gone.
    package func kill() {
        state.withLock { status in
            guard status == nil else { return }
            Foundation.kill(pid, SIGKILL)
            var raw: Int32 = 0
            while waitpid(pid, &raw, 0) < 0, errno == EINTR {}
            status = Self.decode(raw)
        }
    }

    /// SIGTERM, and SIGKILL when that does not end the program in time.
    @discardableResult
    package func terminate(within limit: Duration = .seconds(10)) async -> Status {
        resume()
        signal(SIGTERM)
        if let status = await end(within: limit) { return status }
        kill()
        return status ?? .signaled(SIGKILL)
    }

    // MARK: - State

    /// How the program ended; nil while it runs.
    package var status: Status? {
        state.withLock { status in
            Self.reap(pid, &status)
            return status
        }
    }

    package var isRunning: Bool { status == nil }

    /// Waits for the end of the program.
    /// - Throws: `Failure` when it still runs after `limit`.
    package func wait(within limit: Duration = .seconds(30)) async throws -> Status {
        if let status = await end(within: limit) { return status }
        throw Failure(description: "\(name) still runs after \(limit): \(output.suffix(2_000))")
    }

    /// All that the program has written so far.
    package var output: String { Self.contents(of: outputPath) }

    private func end(within limit: Duration) async -> Status? {
        let deadline = ContinuousClock.now + limit
        while true {
            if let status { return status }
            if ContinuousClock.now >= deadline { return nil }
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Runs a program to its end.
    /// - Throws: `Failure` when it does not end within `limit`; its status is the caller's to judge.
    package static func run(
        _ executable: String, _ arguments: [String] = [], environment: [String: String] = [:],
        workingDirectory: String? = nil, input: String? = nil, within limit: Duration = .seconds(60)
    ) async throws -> Outcome {
        let folder = try TemporaryDirectory()
        if let input { try Data(input.utf8).write(to: URL(fileURLWithPath: folder.path + "/in")) }
        let child = try ChildProcess(
            executable, arguments, environment: environment, workingDirectory: workingDirectory,
            output: folder.path + "/out", errors: folder.path + "/err",
            input: input == nil ? nil : folder.path + "/in")
        let status = try await child.wait(within: limit)
        return Outcome(
            status: status, output: child.output, errors: contents(of: folder.path + "/err"))
    }

    /// Runs a program that has to succeed and returns its output without the last newline.
    @discardableResult
    package static func check(
        _ executable: String, _ arguments: [String] = [], environment: [String: String] = [:],
        workingDirectory: String? = nil, input: String? = nil, within limit: Duration = .seconds(60)
    ) async throws -> String {
        let outcome = try await run(
            executable, arguments, environment: environment, workingDirectory: workingDirectory, input: input,
            within: limit)
        guard outcome.succeeded else {
            throw Failure(description: "\(executable) \(outcome.status): \(outcome.errors)\(outcome.output)")
        }
        return outcome.output.trimmingCharacters(in: .newlines)
    }

    private static func contents(of path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private static func reap(_ pid: pid_t, _ status: inout Status?) {
        guard status == nil else { return }
        var raw: Int32 = 0
        if waitpid(pid, &raw, WNOHANG) == pid { status = decode(raw) }
    }

    /// wait(2): the low seven bits are the signal, or zero and the exit code above them.
    private static func decode(_ raw: Int32) -> Status {
        raw & 0x7f == 0 ? .exited((raw >> 8) & 0xff) : .signaled(raw & 0x7f)
    }
}

private struct SpawnRequest: Sendable {
    let program: String
    let arguments: [String]
    let environment: [String]
    let output: String
    let errors: String?
    let input: String

    func spawn() throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        if let errors {
            posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        } else {
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        }
        // Sockets of the tests must not stay open in the child.
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for descriptor in open.compactMap({ Int32($0) }) where descriptor > 2 {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let argv = arguments.map { strdup($0) } + [nil]
        let envp = environment.map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, arguments[0], &actions, &attributes, argv, envp)
        guard code == 0 else {
            throw ChildProcess.Failure(description: "cannot start \(program): \(String(cString: strerror(code)))")
        }
        return pid
    }
}

/// The thread that starts all children and never ends.
private final class SpawnThread: Sendable {
    static let shared = SpawnThread()

    private let jobs = Mutex<[@Sendable () -> Void]>([])
    private let signal = DispatchSemaphore(value: 0)

    private init() {
        let thread = Thread { [self] in
            while true {
                signal.wait()
                let job = jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                job?()
            }
        }
        thread.name = "spawn"
        thread.start()
    }

    func spawn(_ request: SpawnRequest) throws -> pid_t {
        let done = DispatchSemaphore(value: 0)
        let result = SpawnResult()
        jobs.withLock { jobs in
            jobs.append {
                let outcome = Result { try request.spawn() }
                result.value.withLock { $0 = outcome }
                done.signal()
            }
        }
        signal.signal()
        done.wait()
        guard let outcome = result.value.withLock({ $0 }) else {
            throw ChildProcess.Failure(description: "the spawning thread gave no answer")
        }
        return try outcome.get()
    }
}

private final class SpawnResult: Sendable {
    let value = Mutex<Result<pid_t, any Error>?>(nil)
}
