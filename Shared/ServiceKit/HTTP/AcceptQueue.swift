import Foundation
import NIOCore

/// Lets a listening socket finish what the kernel has accepted for it.
///
/// When a listening socket closes, the kernel resets the connections that it has completed but nobody has taken yet,
/// with whatever their clients have sent. A socket filter (socket(7), `SO_ATTACH_FILTER`) that drops segments with the
/// SYN flag keeps new ones from coming, so that the queue can run empty first; those clients repeat the SYN and find the
/// port closed, or another replica.
enum AcceptQueue {
    /// How long what has completed its handshake is waited for.
    static let grace: Duration = .milliseconds(100)

    static func refuseNewConnections(_ listener: any Channel) async {
        #if os(Linux)
            guard let options = listener as? any SocketOptionProvider else { return }
            await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                let program = Program()
                options.unsafeSetSocketOption(
                    level: SocketOptionLevel(SOL_SOCKET), name: SocketOptionName(SO_ATTACH_FILTER),
                    value: program.descriptor
                ).whenComplete { _ in
                    // Where the kernel takes no filter, the queue is cut off as ever.
                    withExtendedLifetime(program) { done.resume() }
                }
            }
        #endif
    }

    #if os(Linux)
        /// Drops what has SYN set in the flags of the TCP header (RFC 9293 section 3.1) and takes the rest.
        ///
        /// Safe to hand between threads: the memory is written once, here, and freed once.
        private final class Program: @unchecked Sendable {
            private let code: UnsafeMutablePointer<sock_filter>

            init() {
                code = .allocate(capacity: 4)
                // ldb [13]; jset #2; ret #0; ret #-1
                code[0] = sock_filter(code: 0x30, jt: 0, jf: 0, k: 13)
                code[1] = sock_filter(code: 0x45, jt: 0, jf: 1, k: 0x02)
                code[2] = sock_filter(code: 0x06, jt: 0, jf: 0, k: 0)
                code[3] = sock_filter(code: 0x06, jt: 0, jf: 0, k: UInt32.max)
            }

            deinit { code.deallocate() }

            var descriptor: sock_fprog { sock_fprog(len: 4, filter: code) }
        }

        /// `struct sock_filter` and `struct sock_fprog` of `linux/filter.h`, which the C library's module leaves out.
        private struct sock_filter {
            var code: UInt16
            var jt: UInt8
            var jf: UInt8
            var k: UInt32
        }

        private struct sock_fprog: @unchecked Sendable {
            var len: UInt16
            var filter: UnsafeMutablePointer<sock_filter>
        }
    #endif
}
