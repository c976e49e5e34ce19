import Foundation

/// Standard input, output and error, or what a test puts in their place.
protocol Terminal: AnyObject, Sendable {
    /// The next bytes of standard input; none at its end.
    func read(upTo count: Int) throws -> [UInt8]
    /// Writes at once: nothing is held back.
    func write(_ bytes: [UInt8])
    func writeError(_ text: String)
}

extension Terminal {
    func write(_ text: String) { write(Array(text.utf8)) }
    func print(_ text: String) { write(text + "\n") }
    func note(_ text: String) { writeError("cedar: " + text + "\n") }
}

final class StandardTerminal: Terminal {
    func read(upTo count: Int) throws -> [UInt8] { try Descriptor.read(STDIN_FILENO, upTo: count) }
    func write(_ bytes: [UInt8]) { Descriptor.write(bytes, to: STDOUT_FILENO) }
    func writeError(_ text: String) { Descriptor.write(Array(text.utf8), to: STDERR_FILENO) }
}

/// Reading and writing file descriptors as a whole, through interruptions.
enum Descriptor {
    struct Failure: Error { let reason: String }

    static func read(_ descriptor: Int32, upTo count: Int) throws -> [UInt8] {
        var result = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            repeat {
                result = Foundation.read(descriptor, buffer.baseAddress, count)
            } while result < 0 && errno == EINTR
            initialized = max(result, 0)
        }
        guard result >= 0 else { throw Failure(reason: reason()) }
        return bytes
    }

    /// Whoever does not want to read any more (`cedar … | head`) is no fault.
    static func write(_ bytes: [UInt8], to descriptor: Int32) {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
    }

    /// What the last call says of its failure.
    static func reason() -> String { String(cString: strerror(errno)) }
}
