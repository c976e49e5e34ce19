import HTTPTypes

/// A request's place in a distributed trace: W3C Trace Context, level 1.
public struct TraceContext: Sendable, Hashable, CustomStringConvertible {
    private let traceHigh: UInt64
    private let traceLow: UInt64
    /// The caller's span; 0 when the trace starts here.
    private let caller: UInt64
    private let span: UInt64
    /// Bit 0: sampled.
    public let flags: UInt8
    /// `tracestate`, passed on as it came.
    public let state: String?

    /// 32 lower-case hexadecimal digits.
    public var traceID: String { Hex.text(traceHigh, traceLow) }
    /// The span that stands for this request.
    public var spanID: String { Hex.text(span) }
    /// The caller's span, when there is a caller.
    public var parentID: String? { caller == 0 ? nil : Hex.text(caller) }

    /// The `traceparent` to send along with calls made on behalf of this request.
    public var description: String {
        String(unsafeUninitializedCapacity: 55) { buffer in
            // The flags are the last two digits of a number of sixteen, of which the others give way to what follows.
            Hex.append(UInt64(flags), to: buffer, at: 39)
            Hex.append(traceHigh, to: buffer, at: 3)
            Hex.append(traceLow, to: buffer, at: 19)
            Hex.append(span, to: buffer, at: 36)
            (buffer[0], buffer[1]) = (UInt8(ascii: "0"), UInt8(ascii: "0"))
            for dash in [2, 35, 52] { buffer[dash] = UInt8(ascii: "-") }
            return 55
        }
    }

    /// A trace that starts here.
    public init(using generator: inout some RandomNumberGenerator) {
        self.init(high: generator.next(), low: generator.next(), span: generator.next())
    }

    init(high: UInt64, low: UInt64, span: UInt64) {
        traceHigh = high
        // Neither a trace nor a span may be all zeros (section 3.2.2.3).
        traceLow = high == 0 && low == 0 ? 1 : low
        self.span = span == 0 ? 1 : span
        caller = 0
        flags = 0
        state = nil
    }

    /// Continues the trace that `traceparent` names.
    /// - Returns: nil when it is not valid: then the trace starts anew and `tracestate` is dropped (section 3.2.2.5).
    public init?(traceparent: String, tracestate: String? = nil, span: UInt64) {
        let text = traceparent.utf8
        guard text.count >= 55 else { return nil }
        func part(_ from: Int, _ count: Int) -> Substring.UTF8View {
            let start = text.index(text.startIndex, offsetBy: from)
            return text[start..<text.index(start, offsetBy: count)]
        }
        let dash = UInt8(ascii: "-")
        guard part(2, 1).first == dash, part(35, 1).first == dash, part(52, 1).first == dash,
            let version = Hex.value(part(0, 2)), version != 0xFF,
            let high = Hex.value(part(3, 16)), let low = Hex.value(part(19, 16)), high | low != 0,
            let caller = Hex.value(part(36, 16)), caller != 0, let flags = Hex.value(part(53, 2))
        else { return nil }
        // Version 00 ends here; later ones may go on, after a dash (section 4).
        if text.count > 55 {
            guard version > 0, part(55, 1).first == dash else { return nil }
        }
        traceHigh = high
        traceLow = low
        self.caller = caller
        self.span = span == 0 ? 1 : span
        // Level 1 knows one flag; what it does not know is not passed on.
        self.flags = UInt8(flags & 1)
        state = tracestate.flatMap(TraceState.checked)
    }
}
