/// What one reply may cost us, whatever the server sends.
package struct ReplyLimits: Sendable {
    /// Bytes of one reply.
    package var bytes = 64 << 20
    /// Values in one reply, arrays counted as well.
    package var values = 1 << 20

    package init() {}
}

/// Puts a reply together from the pieces in which hiredis' reader finds it: depth first, each array before its elements.
///
/// The reader itself bounds the depth (seven arrays in each other).
final class ReplyBuilder {
    private struct Frame {
        var elements: [RESPValue]
        var missing: Int
    }

    private let limits: ReplyLimits
    private var frames: [Frame] = []
    private var root: RESPValue?
    private var valueCount = 0
    private var byteCount = 0

    init(limits: ReplyLimits) { self.limits = limits }

    /// The next value; false when the reply has grown too large.
    func add(_ value: RESPValue, bytes: Int = 0) -> Bool {
        guard count(values: 1, bytes: bytes) else { return false }
        place(value)
        return true
    }

    /// An array of so many elements begins; false when the reply has grown too large.
    func beginArray(_ count: Int) -> Bool {
        // The announced elements count at once, so that nothing is reserved for a reply that is refused.
        guard count >= 0, count <= limits.values - valueCount, self.count(values: 1, bytes: 0) else { return false }
        guard count > 0 else {
            place(.array([]))
            return true
        }
        var elements: [RESPValue] = []
        elements.reserveCapacity(min(count, 256))
        frames.append(Frame(elements: elements, missing: count))
        return true
    }

    /// The finished reply; nil while it is not.
    func take() -> RESPValue? {
        defer { reset() }
        return root
    }

    func reset() {
        frames.removeAll(keepingCapacity: true)
        root = nil
        valueCount = 0
        byteCount = 0
    }

    private func count(values: Int, bytes: Int) -> Bool {
        valueCount += values
        byteCount += bytes
        return valueCount <= limits.values && byteCount <= limits.bytes
    }

    private func place(_ value: RESPValue) {
        var value = value
        while let last = frames.indices.last {
            frames[last].elements.append(value)
            frames[last].missing -= 1
            guard frames[last].missing == 0 else { return }
            value = .array(frames.removeLast().elements)
        }
        root = value
    }
}
