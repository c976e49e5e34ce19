import CHiredis
import NIOCore

/// hiredis' protocol reader: fed with bytes as they come, it yields replies as they are complete.
///
/// Owns the C objects; used on one event loop only.
final class ReplyReader {
    /// hiredis moves what is left of its buffer after each reply, so that large feeds would cost their square.
    private static let portion = 16 << 10

    private let reader: UnsafeMutablePointer<redisReader>
    private let functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    private let builder: ReplyBuilder
    private let limits: ReplyLimits

    init(limits: ReplyLimits = ReplyLimits()) throws(RedisError) {
        functions = .allocate(capacity: 1)
        functions.initialize(to: ReplyReader.callbacks)
        guard let reader = redisReaderCreateWithFunctions(functions) else {
            functions.deallocate()
            throw .protocolViolation("no memory for the reader")
        }
        self.reader = reader
        self.limits = limits
        builder = ReplyBuilder(limits: limits)
        // The builder lives as long as the reader that points to it: both are ours.
        reader.pointee.privdata = Unmanaged.passUnretained(builder).toOpaque()
    }

    deinit {
        redisReaderFree(reader)
        functions.deallocate()
    }

    /// Takes bytes in and hands over each reply that they complete, in order.
    /// - Throws: `.protocolViolation` for bytes that are no reply, or one beyond the limits. The reader is of no use
    ///   from then on.
    func read(_ buffer: ByteBuffer, _ body: (RESPValue) -> Void) throws(RedisError) {
        var rest = buffer
        while let portion = rest.readSlice(length: min(rest.readableBytes, ReplyReader.portion)),
            portion.readableBytes > 0
        {
            let status = portion.withUnsafeReadableBytes { bytes in
                redisReaderFeed(reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
            }
            guard status == REDIS_OK else { throw violation() }
            while let reply = try next() { body(reply) }
            // What an unfinished bulk string keeps waiting.
            guard reader.pointee.len - reader.pointee.pos <= limits.bytes else {
                throw .protocolViolation("reply over \(limits.bytes) bytes")
            }
        }
    }

    private func next() throws(RedisError) -> RESPValue? {
        var object: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &object) == REDIS_OK else { throw violation() }
        guard object != nil else { return nil }
        guard let reply = builder.take() else { throw .protocolViolation("reply without a value") }
        return reply
    }

    private func violation() -> RedisError {
        let message = withUnsafeBytes(of: reader.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return .protocolViolation(message.isEmpty ? "malformed reply" : message)
    }

    // MARK: - What hiredis calls

    /// hiredis takes null for "no memory" and gives the reply up; any other pointer is only handed around.
    private static func handle(_ accepted: Bool) -> UnsafeMutableRawPointer? {
        accepted ? UnsafeMutableRawPointer(bitPattern: 1) : nil
    }

    private static func builder(of task: UnsafePointer<redisReadTask>?) -> ReplyBuilder? {
        guard let data = task?.pointee.privdata else { return nil }
        return Unmanaged<ReplyBuilder>.fromOpaque(data).takeUnretainedValue()
    }

    private static var callbacks: redisReplyObjectFunctions {
        redisReplyObjectFunctions(
            createString: { task, text, count in
                guard let builder = ReplyReader.builder(of: task), let type = task?.pointee.type else { return nil }
                let bytes = UnsafeRawBufferPointer(start: text, count: count)
                let value: RESPValue =
                    switch type {
                    case REDIS_REPLY_STATUS: .status(String(decoding: bytes, as: UTF8.self))
                    case REDIS_REPLY_ERROR: .error(String(decoding: bytes, as: UTF8.self))
                    default: .bulk(Array(bytes))
                    }
                return ReplyReader.handle(builder.add(value, bytes: count))
            },
            createArray: { task, count in
                guard let builder = ReplyReader.builder(of: task) else { return nil }
                return ReplyReader.handle(builder.beginArray(Int(count)))
            },
            createInteger: { task, value in
                guard let builder = ReplyReader.builder(of: task) else { return nil }
                return ReplyReader.handle(builder.add(.integer(value)))
            },
            createNil: { task in
                guard let builder = ReplyReader.builder(of: task) else { return nil }
                return ReplyReader.handle(builder.add(.null))
            },
            freeObject: { _ in })
    }
}
