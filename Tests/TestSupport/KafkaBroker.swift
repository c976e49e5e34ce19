import Foundation
import Synchronization

/// `dev-kafka` in a process of its own, on a free loopback port that it keeps over restarts.
package final class KafkaBroker: Sendable {
    package let port: Int
    private let controlPort: Int
    private let topics: [String: Int]
    private let process = Mutex<ChildProcess?>(nil)

    /// Starts a broker.
    /// - Parameter topics: names with their numbers of partitions; others appear on first use, with four.
    package init(topics: [String: Int] = [:]) async throws {
        port = try freePort()
        controlPort = try freePort()
        self.topics = topics
        try await start()
    }

    package var bootstrapServers: String { "127.0.0.1:\(port)" }

    // MARK: - Life

    /// Starts the process and waits until it listens.
    package func start() async throws {
        let list = topics.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }.joined(separator: ",")
        let child = try ChildProcess(
            Self.executable, ["--port", "\(port)", "--control-port", "\(controlPort)", "--topics", list])
        process.withLock { $0 = child }
        try await eventually("dev-kafka", within: .seconds(15)) {
            guard child.isRunning else { throw ChildProcess.Failure(description: "dev-kafka: \(child.output)") }
            return child.output.contains("bootstrap_servers")
        }
    }

    /// SIGKILL: everything that the broker had is lost.
    package func kill() { process.withLock { $0 }?.kill() }

    /// Kills the broker and starts an empty one on the same port.
    package func restart() async throws {
        kill()
        try await start()
    }

    /// SIGSTOP: connections stay open and nothing answers.
    package func pause() { process.withLock { $0 }?.pause() }
    package func resume() { process.withLock { $0 }?.resume() }

    // MARK: - Switches

    /// Loses everything and comes back on the same port, within the process.
    package func loseState(downFor seconds: Double = 0) async throws { try await command("restart \(seconds)") }

    /// Refuses connections and cuts those that stand; nothing is lost.
    package func setReachable(_ reachable: Bool) async throws { try await command(reachable ? "up" : "down") }

    package func setLatency(milliseconds: Int) async throws { try await command("latency \(milliseconds)") }

    /// Answers the next requests of a kind (0 produce, 1 fetch, …) with a Kafka error code; -195 cuts the connection.
    package func fail(api: Int, code: Int, count: Int = 1) async throws {
        try await command("fail \(api) \(code) \(count)")
    }

    package func makeTopic(_ name: String, partitions: Int) async throws {
        try await command("topic \(name) \(partitions)")
    }

    /// Sends a command to the control port; see `dev-kafka --help`.
    @discardableResult
    package func command(_ line: String) async throws -> String {
        let port = controlPort
        let answer = try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try Self.exchange(line + "\n", port: port) })
            }
        }
        guard answer.hasPrefix("ok") else { throw ChildProcess.Failure(description: "dev-kafka \(line): \(answer)") }
        return answer
    }

    private static func exchange(_ line: String, port: Int) throws -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                connect(descriptor, raw, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        let bytes = Array(line.utf8)
        guard connected, write(descriptor, bytes, bytes.count) == bytes.count else {
            throw ChildProcess.Failure(description: "dev-kafka takes no commands")
        }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1024)
        while !answer.contains(UInt8(ascii: "\n")) {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { throw ChildProcess.Failure(description: "dev-kafka hung up") }
            answer += buffer[..<count]
        }
        return String(decoding: answer, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    /// `DEV_KAFKA`, or the product beside the running tests, or the one of the debug build.
    package static var executable: String {
        if let path = ProcessInfo.processInfo.environment["DEV_KAFKA"] { return path }
        let own = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let candidates = [own.appendingPathComponent("dev-kafka").path, ".build/debug/dev-kafka"]
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0) } ?? candidates[1]
    }
}
