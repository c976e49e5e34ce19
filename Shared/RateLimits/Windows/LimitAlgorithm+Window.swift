extension LimitAlgorithm {
    /// The counter that a state stands for; nil for permits held at the same time, which have ids (`Concurrency`).
    package func counter(quantity: Int64, bytes: [UInt8] = []) -> (any RateWindow)? {
        switch self {
        case .window(let span): SlidingWindow(quantity: quantity, span: span, bytes: bytes)
        case .exact(let span): ExactLog(quantity: quantity, span: span, bytes: bytes)
        case .bucket(let span, let burst): TokenBucket(quantity: quantity, span: span, burst: burst, bytes: bytes)
        case .calendar(let period): CalendarQuota(quantity: quantity, period: period, bytes: bytes)
        case .concurrency: nil
        }
    }
}
