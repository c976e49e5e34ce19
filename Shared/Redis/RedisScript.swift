import Crypto

/// A Lua script, called by its digest so that its text travels once.
package struct RedisScript: Sendable, Hashable {
    package let source: String
    /// SHA-1 of the source in hexadecimal: the name by which Redis knows it. No security depends on it.
    package let sha1: String

    package init(_ source: String) {
        self.source = source
        sha1 = Insecure.SHA1.hash(data: Array(source.utf8)).reduce(into: "") { text, byte in
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }
}

/// Whether a command may be sent again when its outcome is unknown.
package enum RedisRetry: Sendable {
    case never
    /// The caller says that executing it twice does no harm. It is sent once more, not again and again.
    case ifIdempotent
}
