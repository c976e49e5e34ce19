import Foundation
import Synchronization

/// A Redis server of its own for a test, on a free loopback port with its data in a temporary folder.
package final class RedisServer: Sendable {
    package struct Options: Sendable {
        /// Password of the user `default`.
        package var password: String?
        /// Lines of an ACL file, such as `user app on >secret ~* +@all`. The user `default` stays as Redis has it
        /// unless a line says otherwise.
        package var users: [String] = []
        package var usesTLS = false
        /// Appends to a file, synced once a second, so that a restart finds its data.
        package var appendOnly = false
        /// More lines of `redis.conf`.
        package var settings: [String] = []
        /// A credential for this helper's own commands when `default` cannot be used.
        package var cliUser: (name: String, password: String)?

        package init(
            password: String? = nil, users: [String] = [], usesTLS: Bool = false, appendOnly: Bool = false,
            settings: [String] = [], cliUser: (name: String, password: String)? = nil
        ) {
            self.password = password
            self.users = users
            self.usesTLS = usesTLS
            self.appendOnly = appendOnly
            self.settings = settings
            self.cliUser = cliUser
        }
    }

    package let port: Int
    package let options: Options
    private let folder: TemporaryDirectory
    private let certificates: TestCertificates?
    private let process = Mutex<ChildProcess?>(nil)

    /// Starts a server and waits until it answers.
    package init(_ options: Options = Options(), port: Int? = nil) async throws {
        self.options = options
        self.port = try port ?? freePort()
        folder = try TemporaryDirectory("jts-redis")
        certificates = options.usesTLS ? try await TestCertificates() : nil
        try await start()
    }

    deinit { process.withLock { $0?.kill() } }

    // MARK: - Addresses

    /// URL with the credentials of `default`, when it has any.
    package var url: String { url(user: nil, password: options.password) }

    package func url(user: String?, password: String?, database: Int = 0) -> String {
        let credentials = password.map { "\(user ?? ""):\(Self.escaped($0))@" } ?? ""
        let scheme = options.usesTLS ? "rediss" : "redis"
        return "\(scheme)://\(credentials)127.0.0.1:\(port)" + (database == 0 ? "" : "/\(database)")
    }

    /// PEM file of the authority that signed the server's certificate.
    package var caFile: String? { certificates?.authority }
    package var dataFolder: String { folder.path }
    package var log: String { process.withLock { $0?.output } ?? "" }
    package var pid: pid_t? { process.withLock { $0?.pid } }

    private static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text
    }

    // MARK: - Life

    /// Starts the server on its folder and port, and waits until it has loaded its data.
    package func start() async throws {
        try launch()
        let deadline = ContinuousClock.now + .seconds(15)
        while true {
            if let answer = try? await cli(["PING"]), answer == "PONG" { return }
            guard process.withLock({ $0?.isRunning }) == true, ContinuousClock.now < deadline else {
                throw ChildProcess.Failure(description: "redis-server does not start: \(log.suffix(1_000))")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Starts the process without waiting for it to answer.
    package func launch() throws {
        let file = try folder.write(configuration(), to: "redis.conf")
        let child = try ChildProcess("redis-server", [file], output: folder.file("log"))
        process.withLock { $0 = child }
    }

    /// Ends the server in an orderly way: what is not appended is saved to `dump.rdb`.
    package func stop() async {
        let child = process.withLock { $0 }
        await child?.terminate()
    }

    /// SIGKILL, as when the machine loses it.
    package func kill() { process.withLock { $0 }?.kill() }
    /// SIGSTOP: connections stay open and nothing answers.
    package func pause() { process.withLock { $0 }?.pause() }
    package func resume() { process.withLock { $0 }?.resume() }

    /// Kills the server and starts it on what it had written.
    package func restart() async throws {
        kill()
        try await start()
    }

    // MARK: - Data

    private static let dataFiles = ["dump.rdb", "appendonlydir"]

    /// A copy of what the server has on disk at this moment, to go back to.
    package func snapshot() async throws -> TemporaryDirectory {
        if !options.appendOnly { try await cli(["SAVE"]) }
        let copy = try TemporaryDirectory("jts-redis-snapshot")
        pause()
        defer { resume() }
        try Self.copy(from: folder, to: copy)
        return copy
    }

    /// Kills the server and starts it on a copy, as one that lost everything since.
    package func restore(_ snapshot: TemporaryDirectory) async throws {
        kill()
        try eraseData()
        try Self.copy(from: snapshot, to: folder)
        try await start()
    }

    /// Deletes what the server wrote, so that the next start is an empty one. The server must not run.
    package func eraseData() throws {
        for name in Self.dataFiles where FileManager.default.fileExists(atPath: folder.file(name)) {
            try FileManager.default.removeItem(atPath: folder.file(name))
        }
    }

    private static func copy(from source: TemporaryDirectory, to target: TemporaryDirectory) throws {
        for name in dataFiles where FileManager.default.fileExists(atPath: source.file(name)) {
            try FileManager.default.copyItem(atPath: source.file(name), toPath: target.file(name))
        }
    }

    /// Runs `redis-cli` against the server and returns what it printed.
    @discardableResult
    package func cli(_ arguments: [String]) async throws -> String {
        var options = ["-h", "127.0.0.1", "-p", "\(port)"]
        var environment: [String: String] = [:]
        if let user = self.options.cliUser {
            options += ["--user", user.name]
            environment["REDISCLI_AUTH"] = user.password
        } else if let password = self.options.password {
            environment["REDISCLI_AUTH"] = password
        }
        if let certificates { options += ["--tls", "--cacert", certificates.authority] }
        return try await ChildProcess.check(
            "redis-cli", options + arguments, environment: environment, within: .seconds(15))
    }

    private func configuration() throws -> String {
        var lines = [
            "bind 127.0.0.1", "dir \(folder.path)", "save \"\"", "daemonize no", "databases 16",
            "appendonly \(options.appendOnly ? "yes" : "no")", "appendfsync everysec",
            "enable-debug-command local",
        ]
        if let certificates {
            lines += [
                "port 0", "tls-port \(port)", "tls-cert-file \(certificates.certificate)",
                "tls-key-file \(certificates.key)", "tls-ca-cert-file \(certificates.authority)",
                "tls-auth-clients no",
            ]
        } else {
            lines.append("port \(port)")
        }
        if !options.users.isEmpty {
            // Redis takes users from a file or from its configuration, not from both.
            let own = options.users.contains { $0.hasPrefix("user default ") }
            let standard =
                options.password.map { "user default on >\($0) ~* &* +@all" } ?? "user default on nopass ~* &* +@all"
            let users = (own ? [] : [standard]) + options.users
            lines.append("aclfile \(try folder.write(users.joined(separator: "\n") + "\n", to: "users.acl"))")
        } else if let password = options.password {
            lines.append("requirepass \(password)")
        }
        return (lines + options.settings).joined(separator: "\n") + "\n"
    }
}
