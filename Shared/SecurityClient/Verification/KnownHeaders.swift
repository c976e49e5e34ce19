import JOSE
import StrictJSON
import Synchronization

/// Headers of tokens that were verified: the tokens of one key all have the same, so that it is taken apart once.
final class KnownHeaders: Sendable {
    struct Header: Sendable {
        let keyID: String
        let key: VerificationKey
        let generation: UInt64
    }

    private struct Entry {
        let text: [UInt8]
        let header: Header
    }

    private static let limit = 8
    private let entries = Mutex<[Entry]>([])

    /// - Parameters:
    ///   - text: the first part of a token, in base64url.
    ///   - generation: of the keys, now; what was seen under another one is not known.
    func find(_ text: UnsafeRawBufferPointer, generation: UInt64) -> Header? {
        entries.withLock { entries in
            for entry in entries where entry.header.generation == generation {
                if entry.text.withUnsafeBytes({ $0.sameBytes(as: text) }) { return entry.header }
            }
            return nil
        }
    }

    func insert(_ text: [UInt8], _ header: Header) {
        entries.withLock { entries in
            entries.removeAll { $0.header.generation != header.generation || $0.text == text }
            if entries.count >= KnownHeaders.limit { entries.removeFirst() }
            entries.append(Entry(text: text, header: header))
        }
    }
}
