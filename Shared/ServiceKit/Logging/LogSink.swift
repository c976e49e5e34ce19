import Foundation
import Synchronization

/// Where log lines go.
protocol LogSink: Sendable {
    /// - Parameter line: whole, with its newline.
    func write(_ line: [UInt8])
}

/// A file descriptor; each line is written as one, whichever threads log at the same time.
final class DescriptorSink: LogSink {
    private let descriptor: Mutex<Int32>

    init(_ descriptor: Int32) { self.descriptor = Mutex(descriptor) }

    func write(_ line: [UInt8]) {
        descriptor.withLock { descriptor in
            line.withUnsafeBytes { bytes in
                var written = 0
                while written < bytes.count, let base = bytes.baseAddress {
                    let count = Foundation.write(descriptor, base + written, bytes.count - written)
                    if count > 0 {
                        written += count
                    } else if errno != EINTR {
                        // Nobody is left to tell.
                        return
                    }
                }
            }
        }
    }
}
