/// A place in a distributed trace: what an event says of the request that caused it (CloudEvents' extension
/// "Distributed Tracing"; W3C Trace Context, level 1).
package protocol EventTrace: Sendable {
    /// Of the span that stands for the request: `00-<trace>-<span>-<flags>`.
    var traceparent: String { get }
    /// What other tracing systems passed along, as it came.
    var tracestate: String? { get }
}

/// The trace of the request that is being served. Whatever is made while it is served belongs to the trace: events take
/// it over when they are made, and databases carry it to the threads on which transactions run.
package enum CurrentTrace {
    @TaskLocal package static var value: (any EventTrace)?
}
