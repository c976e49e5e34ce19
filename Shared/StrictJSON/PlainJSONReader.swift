#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Steps through JSON in the plainest form, as machines write it, without building values: no white space, strings of
/// ASCII without escapes, whole numbers that are not negative.
///
/// Nil or false means that what follows is not in this form, be it JSON or not: then the document has to be parsed as a
/// `JSONValue`. What is read here, that parser reads alike; names of an object that occur twice, depth and the number of
/// members are the caller's to watch. Pieces of the text are good for as long as the text is.
package struct PlainJSONReader {
    @usableFromInline let bytes: UnsafeRawBufferPointer
    @usableFromInline var index = 0

    @inlinable
    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    @inlinable
    package var isAtEnd: Bool { index == bytes.count }

    /// Steps over a bracket, comma or colon.
    @inlinable
    package mutating func skip(_ mark: Unicode.Scalar) -> Bool {
        guard index < bytes.count, UInt32(bytes[index]) == mark.value else { return false }
        index += 1
        return true
    }

    /// Steps over a text that stands here literally.
    @inlinable
    package mutating func skip(_ text: [UInt8]) -> Bool {
        guard text.count <= bytes.count - index else { return false }
        let here = UnsafeRawBufferPointer(rebasing: bytes[index..<(index + text.count)])
        guard text.withUnsafeBytes({ $0.sameBytes(as: here) }) else { return false }
        index += text.count
        return true
    }

    /// What stands between the quotation marks of a string; without one the reader stays where it is.
    package mutating func string() -> UnsafeRawBufferPointer? {
        guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { return nil }
        let start = index + 1
        let end = PlainBytes.end(in: bytes, from: start, stoppingBeyondASCII: true)
        guard end < bytes.count, bytes[end] == UInt8(ascii: "\"") else { return nil }
        index = end + 1
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }

    package mutating func text() -> String? {
        guard let string = string() else { return nil }
        return String(decoding: string, as: UTF8.self)
    }

    /// An array of strings.
    package mutating func texts() -> [String]? {
        guard skip("[") else { return nil }
        if skip("]") { return [] }
        var texts: [String] = []
        repeat {
            guard let text = text() else { return nil }
            texts.append(text)
        } while skip(",")
        return skip("]") ? texts : nil
    }

    /// One to 18 digits: they fit. What follows must be a comma or a closing bracket, which the caller skips.
    package mutating func number() -> Int64? {
        let start = index
        var value: Int64 = 0
        while index < bytes.count {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            guard index - start < 18 else { return nil }
            value = value &* 10 &+ Int64(digit)
            index += 1
        }
        let count = index - start
        guard count == 1 || (count > 1 && bytes[start] != UInt8(ascii: "0")) else { return nil }
        return value
    }

    /// What was stepped over since `other` was a copy of this reader.
    package func text(since other: PlainJSONReader) -> [UInt8] { Array(bytes[other.index..<index]) }
}

extension UnsafeRawBufferPointer {
    @inlinable
    package func sameBytes(as other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        guard let left = baseAddress, let right = other.baseAddress else { return true }
        return memcmp(left, right, other.count) == 0
    }

    @inlinable
    package func sameBytes(as text: StaticString) -> Bool {
        sameBytes(as: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package func sameBytes(as text: String) -> Bool {
        text.utf8.withContiguousStorageIfAvailable { sameBytes(as: UnsafeRawBufferPointer($0)) }
            ?? elementsEqual(text.utf8)
    }
}
