import Crypto
import NIOCore
import NIOSSL
import Synchronization

/// The thumbprints of the certificates that clients showed and we verified, by connection.
///
/// They are found once, when the handshake ends, and looked up by whoever asks; nothing is asked of the connection's
/// event loop per request. A connection without a certificate has no entry.
public final class PeerCertificates: Sendable {
    public static let shared = PeerCertificates()

    private let thumbprints = Mutex<[ObjectIdentifier: String]>([:])
    /// So that a server without client certificates pays one load.
    private let count = Atomic<Int>(0)

    init() {}

    /// `x5t#S256` (RFC 8705 section 3.1) of the certificate shown on this connection, or on the connection that carries
    /// this HTTP/2 stream.
    public func thumbprint(of channel: any Channel) -> String? {
        guard count.load(ordering: .acquiring) > 0 else { return nil }
        return thumbprints.withLock { thumbprints in
            if let found = thumbprints[ObjectIdentifier(channel)] { return found }
            return channel.parent.flatMap { thumbprints[ObjectIdentifier($0)] }
        }
    }

    func register(_ certificate: NIOSSLCertificate, for channel: any Channel) throws {
        let digest = Array(SHA256.hash(data: try certificate.toDERBytes()))
        let thumbprint = PeerCertificates.base64URL(digest)
        let key = ObjectIdentifier(channel)
        let isNew = thumbprints.withLock { $0.updateValue(thumbprint, forKey: key) == nil }
        guard isNew else { return }
        count.wrappingAdd(1, ordering: .releasing)
        // The channel lives until its close future is done: its identifier cannot be somebody else's before.
        channel.closeFuture.whenComplete { [self] _ in
            if thumbprints.withLock({ $0.removeValue(forKey: key) }) != nil {
                count.wrappingSubtract(1, ordering: .releasing)
            }
        }
    }

    static func base64URL(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var text: [UInt8] = []
        var (value, bits) = (0, 0)
        for byte in bytes {
            value = (value << 8 | Int(byte)) & 0xFFFF
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(alphabet[value >> bits & 63])
            }
        }
        if bits > 0 { text.append(alphabet[value << (6 - bits) & 63]) }
        return String(decoding: text, as: UTF8.self)
    }
}
