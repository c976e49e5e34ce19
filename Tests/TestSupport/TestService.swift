import Foundation
import Synchronization

/// One of the project's services in a process of its own, on a loopback port that it keeps over restarts.
package final class TestService: Sendable {
    package let name: String
    package let url: String
    package let port: Int
    private let executable: String
    private let environment: [String: String]
    private let logFile: String
    private let process = Mutex<ChildProcess?>(nil)

    /// - Parameters:
    ///   - product: name of the executable.
    ///   - name: of the log file.
    ///   - environment: without `LISTEN`.
    package init(
        _ product: String, name: String, port: Int, environment: [String: String], folder: TemporaryDirectory,
        scheme: String = "http"
    ) throws {
        self.name = name
        self.port = port
        url = "\(scheme)://127.0.0.1:\(port)"
        executable = try Project.executable(product)
        self.environment = environment.merging(["LISTEN": "127.0.0.1:\(port)"]) { $1 }
        logFile = folder.file("\(name).log")
    }

    deinit { kill() }

    /// Starts the process and waits until it says that it is ready.
    package func start() async throws {
        try launch()
        try await eventually("\(name) is ready", within: .seconds(30), poll: .milliseconds(20)) {
            guard process.withLock({ $0?.isRunning }) == true else {
                throw ChildProcess.Failure(description: "\(name) ended: \(log.suffix(3_000))")
            }
            return await isReady
        }
    }

    /// Starts the process without waiting.
    package func launch() throws {
        let child = try ChildProcess(executable, environment: environment, output: logFile)
        process.withLock { $0 = child }
    }

    /// Whether `/readyz` says yes within two seconds.
    package var isReady: Bool {
        get async {
            // Over TLS, that the port is open has to do: what the clients of such tests trust is theirs to say.
            guard url.hasPrefix("http://") else { return await canConnect }
            return (try? await TestHTTP(url).call("GET", "/readyz", timeout: .seconds(2)))?.status == 200
        }
    }

    private var canConnect: Bool {
        get async {
            let outcome = try? await ChildProcess.run(
                "curl", ["--silent", "--insecure", "--fail", "--max-time", "2", url + "/readyz"])
            return outcome?.succeeded ?? false
        }
    }

    package var isRunning: Bool { process.withLock { $0?.isRunning } ?? false }
    package var pid: pid_t { process.withLock { $0?.pid } ?? 0 }
    /// Everything that it has logged, over all its starts.
    package var log: String {
        FileManager.default.contents(atPath: logFile).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// SIGKILL, as when the machine loses it.
    package func kill() { process.withLock { $0 }?.kill() }

    /// SIGTERM, and waits for the drain.
    /// - Returns: the exit status, or the signal that ended it as a negative number.
    @discardableResult
    package func terminate(within limit: Duration = .seconds(40)) async -> Int32 {
        guard let child = process.withLock({ $0 }) else { return 0 }
        switch await child.terminate(within: limit) {
        case .exited(let code): return code
        case .signaled(let number): return -number
        }
    }

    /// SIGSTOP: connections stay open and nothing answers.
    package func pause() { process.withLock { $0 }?.pause() }
    package func resume() { process.withLock { $0 }?.resume() }
}
