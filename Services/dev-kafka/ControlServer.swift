import Foundation

/// Takes commands on a loopback port, one a line, one connection after the other.
final class ControlServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let cluster: MockCluster

    init(port: UInt16, cluster: MockCluster) throws {
        self.cluster = cluster
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var on: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let listener = listener
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listens = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(listener, raw, length) == 0 && listen(listener, 8) == 0
                    && getsockname(listener, raw, &length) == 0
            }
        }
        guard listens else { throw MockCluster.Failure(description: "control port \(port) is taken") }
        self.port = UInt16(bigEndian: address.sin_port)
    }

    func start() {
        let thread = Thread { [self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { continue }
                serve(connection)
                close(connection)
            }
        }
        thread.name = "control"
        thread.start()
    }

    private func serve(_ connection: Int32) {
        var pending: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1024)
        while true {
            let count = read(connection, &buffer, buffer.count)
            guard count > 0, pending.count < 4096 else { return }
            pending += buffer[..<count]
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: pending[..<end], as: UTF8.self)
                pending.removeSubrange(...end)
                let answer = Array((execute(line) + "\n").utf8)
                guard write(connection, answer, answer.count) == answer.count else { return }
            }
        }
    }

    private func execute(_ line: String) -> String {
        let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
        func number<N: FixedWidthInteger & LosslessStringConvertible>(_ index: Int, _ type: N.Type) -> N? {
            index < words.count ? N(words[index]) : nil
        }
        do {
            switch words.first {
            case "restart": try cluster.restart(downFor: words.count > 1 ? Double(words[1]) ?? 0 : 0)
            case "down": try cluster.setReachable(false)
            case "up": try cluster.setReachable(true)
            case "latency":
                guard let milliseconds = number(1, Int32.self), milliseconds >= 0 else { return usage }
                try cluster.setLatency(milliseconds: milliseconds)
            case "fail":
                guard let api = number(1, Int16.self), let code = number(2, Int32.self) else { return usage }
                try cluster.fail(api: api, code: code, count: max(1, number(3, Int.self) ?? 1))
            case "clear":
                guard let api = number(1, Int16.self) else { return usage }
                try cluster.clearFailures(api: api)
            case "topic":
                guard words.count == 3, let partitions = number(2, Int32.self), partitions > 0 else { return usage }
                try cluster.makeTopic(.init(name: words[1], partitions: partitions))
            case "topics":
                return "ok " + cluster.topics.map { "\($0.name):\($0.partitions)" }.joined(separator: ",")
            default: return usage
            }
            return "ok"
        } catch {
            return "error: \(error)"
        }
    }

    private var usage: String {
        "error: restart [S] | down | up | latency MS | fail API CODE [COUNT] | clear API | topic NAME PARTITIONS | topics"
    }
}
