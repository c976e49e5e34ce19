import Dispatch
import Foundation
import Glibc

/// A connection over which requests are sent as they are, one after the other, and their answers are read as they come.
package actor RawExchange {
    package struct Failure: Error, CustomStringConvertible { package let description: String }

    private let socket: Int32
    private let queue = DispatchQueue(label: "raw-exchange")

    /// To a loopback port.
    package init(port: Int) throws {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let outcome = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard outcome == 0 else {
            Glibc.close(socket)
            throw Failure(description: "no connection to port \(port)")
        }
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        self.socket = socket
    }

    /// - Returns: the answer, head and body; what there is of it when the connection ends, and nothing when it is gone.
    package func send(_ text: String) async throws -> String {
        let socket = socket
        return await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: RawExchange.exchange(socket, Array(text.utf8))) }
        }
    }

    package func close() { Glibc.close(socket) }

    private static func exchange(_ socket: Int32, _ request: [UInt8]) -> String {
        guard Glibc.send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            return ""
        }
        var answer: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while !isWhole(answer) {
            let count = recv(socket, &part, part.count, 0)
            guard count > 0 else { break }
            answer += part[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    private static func isWhole(_ answer: [UInt8]) -> Bool {
        let text = String(decoding: answer, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n") else { return false }
        let length = text.components(separatedBy: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) }
        return text[end.upperBound...].utf8.count >= (length ?? 0)
    }
}
