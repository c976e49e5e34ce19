import Foundation

/// A loopback TCP port that was free a moment ago.
///
/// From below the range out of which Linux takes the source ports of connections: a client that keeps trying to reach a
/// stopped server on a port of that range sooner or later connects to itself.
package func freePort() throws -> Int {
    for _ in 0..<200 {
        let port = Int.random(in: 20_000..<32_000)
        if isFree(port) { return port }
    }
    throw ChildProcess.Failure(description: "no free port")
}

private func isFree(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    // Every address, so that a server on another interface counts as well.
    address.sin_addr.s_addr = 0
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
            bind(descriptor, raw, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}
