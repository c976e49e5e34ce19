import Foundation
import Synchronization

/// A PostgreSQL server of its own for a test: a fresh cluster in a temporary folder, on a free loopback port.
///
/// Runs as the user `postgres` when the tests run as root, which PostgreSQL refuses. It ends with `stop`, when the
/// object goes, and when the test process dies, however it does.
package final class PostgresServer: Sendable {
    package let port: Int
    package let usesTLS: Bool
    private let folder: TemporaryDirectory
    private let certificates: TestCertificates?
    private let binaries: String
    private let settings: [String: String]
    private let password = "p@ss:/word"
    private let state = Mutex(State())

    private struct State {
        var process: ChildProcess?
        var paused: [pid_t] = []
    }

    /// Makes a cluster and starts it.
    /// - Parameter settings: for `postgresql.conf`, such as `["max_connections": "10"]`.
    package init(tls: Bool = false, settings: [String: String] = [:]) async throws {
        usesTLS = tls
        self.settings = settings
        binaries = try Self.findBinaries()
        port = try freePort()
        folder = try TemporaryDirectory("jts-postgres")
        certificates = tls ? try await TestCertificates() : nil
        // Servers that a whole run of tests shares live in globals, which nobody takes down.
        Leftovers.remove(folder.path)
        try await makeCluster()
        try await start()
    }

    deinit { kill() }

    // MARK: - Addresses

    /// The URL of a database of this server; with TLS, the server's certificate is verified.
    package func url(database: String = "postgres") -> String {
        let tls = certificates.map { "?sslmode=verify-full&sslrootcert=\($0.authority)" } ?? "?sslmode=disable"
        return "postgres://jts:p%40ss%3A%2Fword@127.0.0.1:\(port)/\(database)\(tls)"
    }

    /// The file of the authority that vouches for this server.
    package var authority: String? { certificates?.authority }

    /// Makes a database that no other test uses and returns its URL.
    package func makeDatabase() async throws -> String {
        let name = "t\(UUID().uuidString.lowercased().replacing("-", with: "").prefix(16))"
        try await psql("CREATE DATABASE \(name)")
        return url(database: name)
    }

    /// Runs SQL as the superuser over the server's local socket and returns what it printed.
    @discardableResult
    package func psql(_ sql: String, database: String = "postgres") async throws -> String {
        try await ChildProcess.check(
            binaries + "/psql",
            [
                "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", folder.path, "-p", "\(port)", "-U", "jts", "-c", sql,
                database,
            ])
    }

    // MARK: - Life

    /// Starts the server and waits until it takes connections.
    package func start() async throws {
        let process = try launch()
        state.withLock { $0.process = process }
        try await eventually("PostgreSQL's start", within: .seconds(30), poll: .milliseconds(20)) {
            guard process.isRunning else { throw ChildProcess.Failure(description: "PostgreSQL ended: \(log)") }
            return try await ChildProcess.run(
                binaries + "/pg_isready", ["-q", "-t", "1", "-h", "127.0.0.1", "-p", "\(port)"]
            ).succeeded
        }
    }

    /// Ends the server in an orderly way ("fast": open transactions are rolled back).
    package func stop() async {
        resume()
        if let process = state.withLock({ $0.process }) {
            process.signal(SIGINT)
            _ = try? await process.wait(within: .seconds(10))
        }
        kill()
    }

    /// SIGKILL for the server and all its processes, as when the machine loses them.
    package func kill() {
        let process = state.withLock { state in
            defer { state = State() }
            return state.process
        }
        guard let process, process.isRunning else { return }
        // The parent first, or it would begin to repair what its children left.
        let children = Self.children(of: process.pid)
        process.kill()
        for child in children { Foundation.kill(child, SIGKILL) }
        for child in children { Self.waitForEnd(of: child) }
    }

    /// Kills the server and starts it on what it had written.
    package func restart() async throws {
        kill()
        try await start()
    }

    /// SIGSTOP for the server and all its processes: connections stay open and nothing answers.
    package func pause() {
        guard let process = state.withLock({ $0.process }) else { return }
        process.pause()
        let children = Self.children(of: process.pid)
        for child in children { Foundation.kill(child, SIGSTOP) }
        state.withLock { $0.paused = children }
    }

    package func resume() {
        let (process, paused) = state.withLock { state in
            defer { state.paused = [] }
            return (state.process, state.paused)
        }
        for child in paused { Foundation.kill(child, SIGCONT) }
        process?.resume()
    }

    /// The end of the server's log.
    package var log: String {
        let text = (try? String(contentsOfFile: folder.file("log"), encoding: .utf8)) ?? ""
        return String(text.suffix(2_000))
    }

    // MARK: - Setting up

    private func makeCluster() async throws {
        try folder.write(password, to: "password")
        if let certificates {
            for (source, name) in [(certificates.certificate, "server.crt"), (certificates.key, "server.key")] {
                try FileManager.default.copyItem(atPath: source, toPath: folder.file(name))
            }
            try await ChildProcess.check("chmod", ["600", folder.file("server.key")])
        }
        if Self.isRoot { try await ChildProcess.check("chown", ["-R", "postgres", folder.path]) }
        let command = asServer(
            binaries + "/initdb",
            [
                "-D", folder.file("data"), "-U", "jts", "--pwfile", folder.file("password"), "--no-sync",
                "--encoding=UTF8", "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256",
            ])
        try await ChildProcess.check(command[0], Array(command.dropFirst()), workingDirectory: "/")
    }

    private func launch() throws -> ChildProcess {
        var options = [
            "listen_addresses": "127.0.0.1", "port": "\(port)", "unix_socket_directories": folder.path,
            "shared_buffers": "16MB", "max_connections": "60", "dynamic_shared_memory_type": "mmap",
        ]
        if usesTLS {
            options["ssl"] = "on"
            options["ssl_cert_file"] = folder.file("server.crt")
            options["ssl_key_file"] = folder.file("server.key")
        }
        options.merge(settings) { $1 }
        // `kill` has seen every process end; what the file names may be one that nobody has collected yet.
        try? FileManager.default.removeItem(atPath: folder.file("data/postmaster.pid"))
        let command = asServer(
            binaries + "/postgres",
            ["-D", folder.file("data")] + options.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0)=\($1)"] })
        return try ChildProcess(
            command[0], Array(command.dropFirst()), workingDirectory: "/", output: folder.file("log"))
    }

    private static var isRoot: Bool { geteuid() == 0 }

    /// Changing the user makes Linux forget the signal for the parent's death, so that it is asked for again.
    private func asServer(_ executable: String, _ arguments: [String]) -> [String] {
        let user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig", "KILL", "--"]
        return (Self.isRoot ? user : []) + [executable] + arguments
    }

    private static func findBinaries() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        guard let newest = versions.compactMap(Int.init).max() else {
            throw ChildProcess.Failure(description: "PostgreSQL is not installed: apt-get install postgresql")
        }
        return "\(root)/\(newest)/bin"
    }

    // MARK: - Processes

    private static func children(of pid: pid_t) -> [pid_t] {
        let text = (try? String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)) ?? ""
        return text.split(separator: " ").compactMap { pid_t($0) }
    }

    private static func waitForEnd(of pid: pid_t) {
        for _ in 0..<500 where isAlive(pid) { usleep(5_000) }
    }

    private static func isAlive(_ pid: pid_t) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
        // "pid (name) state …": a zombie runs no more.
        return status.split(separator: ")").last?.trimmingCharacters(in: .whitespaces).first != "Z"
    }
}

/// Folders to remove when the test process ends.
private enum Leftovers {
    private static let folders = Mutex<[String]>([])

    static func remove(_ folder: String) {
        let isFirst = folders.withLock { folders in
            folders.append(folder)
            return folders.count == 1
        }
        if isFirst { atexit { Leftovers.removeAll() } }
    }

    /// The servers die with this process; what they still write by then goes nowhere.
    private static func removeAll() {
        for folder in folders.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: folder) }
    }
}
