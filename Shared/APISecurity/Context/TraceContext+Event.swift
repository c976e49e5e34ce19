import Contracts

/// Events name the span of the request that caused them.
extension TraceContext: EventTrace {
    package var traceparent: String { description }
    package var tracestate: String? { state }
}
