import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads requests of hot routes (RFC 9112). Much stricter than the parser of the ordinary path: whatever is unusual is
/// none of its business, so that the two never read the same bytes in different ways.
struct HotParser {
    /// What a connection's bytes begin with.
    enum Finding {
        /// Something for the ordinary path.
        case ordinary
        /// A request of a hot route whose body is not all there: so many bytes it will have in all.
        case incomplete(length: Int)
        case request(route: Int, fields: [HotRequest.Field], bodyStart: Int, length: Int)
    }

    let routes: HotRoutes
    /// Bytes of a head, and of header fields.
    let maximumBytes: Int
    let maximumCount: Int

    init(routes: HotRoutes, maximumBytes: Int, maximumCount: Int) {
        self.routes = routes
        // Places in a head are noted in 16 bits.
        self.maximumBytes = min(maximumBytes, Int(UInt16.max))
        self.maximumCount = maximumCount
    }

    func read(_ buffer: ByteBuffer) -> Finding { buffer.withUnsafeReadableBytes(read) }

    private func read(_ bytes: UnsafeRawBufferPointer) -> Finding {
        guard let route = routes.route(of: bytes) else { return .ordinary }
        let entry = routes.entries[route]
        var fields: [HotRequest.Field] = []
        fields.reserveCapacity(12)
        var index = entry.line.count
        var meaning = Meaning()
        let end = min(bytes.count, maximumBytes)
        while true {
            guard index + 1 < end else { return .ordinary }
            if bytes[index] == 0x0D {
                guard bytes[index + 1] == 0x0A else { return .ordinary }
                index += 2
                break
            }
            guard fields.count < maximumCount, let field = HotParser.field(bytes, index, end),
                meaning.take(bytes, field)
            else { return .ordinary }
            fields.append(field)
            index = Int(field.value) + Int(field.valueLength)
            // White space at the end of a value, then the line's end, which `field` has found.
            while bytes[index] != 0x0A { index += 1 }
            index += 1
        }
        guard meaning.hasHost, meaning.length <= entry.bodyLimit else { return .ordinary }
        let length = index + meaning.length
        guard bytes.count >= length else { return .incomplete(length: length) }
        return .request(route: route, fields: fields, bodyStart: index, length: length)
    }

    /// A header field at a place, when its whole line is there and made of visible ASCII and spaces.
    private static func field(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> HotRequest.Field? {
        var index = start
        while index < end, isTokenByte(bytes[index]) { index += 1 }
        let nameLength = index - start
        guard nameLength > 0, index < end, bytes[index] == UInt8(ascii: ":") else { return nil }
        index += 1
        while index < end, bytes[index] == 0x20 { index += 1 }
        guard index < end, let base = bytes.baseAddress, let found = memchr(base + index, 0x0D, end - index) else {
            return nil
        }
        let lineEnd = UnsafeRawPointer(found) - base
        guard lineEnd + 1 < end, bytes[lineEnd + 1] == 0x0A else { return nil }
        var isPlain = true
        for byte in bytes[index..<lineEnd] { isPlain = isPlain && byte &- 0x20 <= 0x5E }
        guard isPlain else { return nil }
        var valueEnd = lineEnd
        while valueEnd > index, bytes[valueEnd - 1] == 0x20 { valueEnd -= 1 }
        return HotRequest.Field(
            name: UInt16(start), nameLength: UInt16(nameLength), value: UInt16(index),
            valueLength: UInt16(valueEnd - index))
    }

    /// `tchar` of RFC 9110 section 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        guard byte < 0x80 else { return false }
        // Digits and !#$%&'*+-. below 64; letters and ^_`|~ above.
        let mask: UInt64 = byte < 64 ? 0x03FF_6CFA_0000_0000 : 0x57FF_FFFF_C7FF_FFFE
        return mask >> UInt64(byte & 63) & 1 == 1
    }

    /// What the header fields say about how a request is to be treated.
    private struct Meaning {
        var hasHost = false
        var length = 0
        private var seen: UInt16 = 0

        /// Takes a field in.
        /// - Returns: false when the lean path does not do what it asks for, or it is there twice.
        mutating func take(_ bytes: UnsafeRawBufferPointer, _ field: HotRequest.Field) -> Bool {
            func isNamed(_ name: StaticString) -> Bool { HotRequest.matches(bytes, Int(field.name), name) }
            let value = UnsafeRawBufferPointer(rebasing: bytes[Int(field.value)...].prefix(Int(field.valueLength)))
            switch field.nameLength {
            case 2: return !isNamed("te")
            case 4:
                if isNamed("host") {
                    hasHost = true
                    return isFirst(0) && Meaning.isPlainHost(value)
                }
                return !isNamed("dpop")
            case 6: return !isNamed("expect")
            case 7: return !isNamed("upgrade") && !isNamed("trailer")
            case 10:
                if isNamed("connection") { return isFirst(1) && Meaning.isKeepAlive(value) }
                return !isNamed("tracestate") || isFirst(2)
            case 11: return !isNamed("traceparent") || isFirst(3)
            case 12:
                if isNamed("content-type") { return isFirst(4) }
                return !isNamed("x-request-id") || isFirst(5)
            case 13: return !isNamed("authorization") || isFirst(6)
            case 14:
                guard isNamed("content-length") else { return true }
                guard isFirst(7), let length = Meaning.number(value) else { return false }
                self.length = length
                return true
            case 15: return !isNamed("x-forwarded-for") || isFirst(8)
            case 16: return !isNamed("content-encoding") && !isNamed("proxy-connection")
            case 17: return !isNamed("transfer-encoding")
            default: return true
            }
        }

        private mutating func isFirst(_ bit: UInt16) -> Bool {
            defer { seen |= 1 << bit }
            return seen & (1 << bit) == 0
        }

        private static func number(_ value: UnsafeRawBufferPointer) -> Int? {
            guard (1...8).contains(value.count) else { return nil }
            var number = 0
            for byte in value {
                guard (0x30...0x39).contains(byte) else { return nil }
                number = number * 10 + Int(byte - 0x30)
            }
            return number
        }

        private static func isKeepAlive(_ value: UnsafeRawBufferPointer) -> Bool {
            let expected: StaticString = "keep-alive"
            return value.count == expected.utf8CodeUnitCount && HotRequest.matches(value, 0, expected)
        }

        /// A name or an address, with a port or without.
        private static func isPlainHost(_ value: UnsafeRawBufferPointer) -> Bool {
            !value.isEmpty
                && value.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x3A, 0x41...0x5B, 0x5D, 0x5F, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."): true
                    default: false
                    }
                }
        }
    }
}
