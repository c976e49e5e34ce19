import Logging
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A request of a hot route, whole, as it stands in the bytes that brought it: nothing is copied out before it is asked
/// for. Belongs to the event loop of its connection.
package struct HotRequest {
    /// Where a header field stands in `bytes`.
    struct Field {
        let name: UInt16
        let nameLength: UInt16
        let value: UInt16
        let valueLength: UInt16
    }

    let bytes: ByteBuffer
    let fields: [Field]
    package let body: ByteBuffer
    package let channel: any Channel
    package let logger: Logger

    /// The value of a header field; nil when there is none, and when there are several.
    /// - Parameter name: in lower case.
    package func header(_ name: StaticString) -> String? {
        guard let field = field(name) else { return nil }
        return bytes.withUnsafeReadableBytes { bytes in
            let value = UnsafeRawBufferPointer(rebasing: bytes[Int(field.value)...].prefix(Int(field.valueLength)))
            return String(decoding: value, as: UTF8.self)
        }
    }

    /// Calls `body` with the bytes of a header field's value: visible ASCII and spaces. As `header`, without a copy.
    package func withHeader<Result>(
        _ name: StaticString, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result? {
        guard let field = field(name) else { return nil }
        return bytes.withUnsafeReadableBytes { bytes in
            body(UnsafeRawBufferPointer(rebasing: bytes[Int(field.value)...].prefix(Int(field.valueLength))))
        }
    }

    private func field(_ name: StaticString) -> Field? {
        bytes.withUnsafeReadableBytes { bytes in
            var found: Field?
            for field in fields where Int(field.nameLength) == name.utf8CodeUnitCount {
                guard HotRequest.matches(bytes, Int(field.name), name) else { continue }
                if found != nil { return nil }
                found = field
            }
            return found
        }
    }

    /// Whether these bytes, which are those of a header field's name, spell one without regard to case.
    static func matches(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ name: StaticString) -> Bool {
        for index in 0..<name.utf8CodeUnitCount where bytes[start + index] | 0x20 != name.utf8Start[index] {
            return false
        }
        return true
    }
}

/// The answer to a hot request.
package struct HotAnswer {
    /// Status line and header fields with their line ends, without `Date`, `Connection` and the empty line. It is
    /// written on, so that it had best have room for the body.
    package var head: ByteBuffer
    package var body: [UInt8]

    package init(head: ByteBuffer, body: [UInt8]) {
        self.head = head
        self.body = body
    }
}

/// Answers requests of hot routes on the event loop of their connection, without a task.
package protocol HotResponder: Sendable {
    var hotRoutes: HotRoutes { get }

    /// Answers the request, or passes it on to the ordinary path, now or later, on the event loop it is called on.
    /// - Parameter route: its place among `hotRoutes`.
    func respond(to request: HotRequest, route: Int, _ reply: HotReply)
}

/// The routes that are answered on the lean path: exact paths, without a query.
package struct HotRoutes: Sendable {
    struct Entry: Sendable {
        /// The request line.
        let line: [UInt8]
        let bodyLimit: Int
    }

    private(set) var entries: [Entry] = []

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }

    /// - Parameter bodyLimit: bytes; larger bodies go the ordinary way, as do those beyond what is held back whole.
    package mutating func append(method: String, path: String, bodyLimit: Int) {
        entries.append(
            Entry(
                line: Array("\(method) \(path) HTTP/1.1\r\n".utf8), bodyLimit: min(bodyLimit, ServerState.heldBytes)))
    }

    /// The route whose request line the bytes begin with.
    func route(of bytes: UnsafeRawBufferPointer) -> Int? {
        guard let start = bytes.baseAddress else { return nil }
        return entries.firstIndex { entry in
            entry.line.count <= bytes.count && memcmp(start, entry.line, entry.line.count) == 0
        }
    }
}
