import Foundation
import Synchronization

/// The ports that the mock cluster's brokers are to get.
///
/// librdkafka asks the kernel for any free port and advertises what it got. Clients keep the address that they were
/// configured with, so that a broker that is to come back after a restart needs the one it had. The functions below
/// take the place of the C library's within this process (the dynamic linker looks into the executable first).
final class PortChooser: Sendable {
    static let shared = PortChooser()
    private let ports = Mutex<[UInt16]>([])

    /// Gives `ports`, one after the other, to the sockets that `body` binds to no particular port.
    func handingOut<T>(_ ports: [UInt16], _ body: () -> T) -> T {
        self.ports.withLock { $0 = ports }
        defer { self.ports.withLock { $0 = [] } }
        return body()
    }

    func next() -> UInt16? { ports.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
}

private typealias SocketCall = @convention(c) (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32
private typealias AcceptCall =
    @convention(c) (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32

/// The definition that this one hides: `RTLD_NEXT`, a macro that Swift does not import.
private func hidden<Call>(_ name: String, as type: Call.Type) -> Call? {
    dlsym(UnsafeMutableRawPointer(bitPattern: -1), name).map { unsafeBitCast($0, to: type) }
}

private let systemBind = hidden("bind", as: SocketCall.self)
private let systemAccept = hidden("accept", as: AcceptCall.self)

@_cdecl("bind")
public func bindToChosenPort(_ socket: Int32, _ address: UnsafePointer<sockaddr>?, _ length: socklen_t) -> Int32 {
    guard let systemBind else { return -1 }
    guard let address, Int32(address.pointee.sa_family) == AF_INET,
        Int(length) == MemoryLayout<sockaddr_in>.size
    else { return systemBind(socket, address, length) }
    var chosen = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self)
    if chosen.sin_port == 0, let port = PortChooser.shared.next() { chosen.sin_port = port.bigEndian }
    return withUnsafePointer(to: &chosen) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { systemBind(socket, $0, length) }
    }
}

/// Answers go out at once. The mock leaves Nagle's algorithm on, and a second answer in a row then waits for the
/// client's delayed acknowledgement: 40 ms, on one machine.
@_cdecl("accept")
public func acceptWithoutDelay(
    _ socket: Int32, _ address: UnsafeMutablePointer<sockaddr>?, _ length: UnsafeMutablePointer<socklen_t>?
) -> Int32 {
    guard let systemAccept else { return -1 }
    let accepted = systemAccept(socket, address, length)
    var on: Int32 = 1
    if accepted >= 0 {
        setsockopt(accepted, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }
    return accepted
}
