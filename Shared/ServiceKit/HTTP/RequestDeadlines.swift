import NIOCore

/// By when a client has to do what: a value without I/O and without a clock of its own.
///
/// For a connection of HTTP/1.1, which carries one request after the other, or for a stream of HTTP/2, which carries one.
struct RequestDeadlines {
    struct Limits: Sendable {
        /// From the connection, or the first byte of a request, to the end of the request's head.
        var head: TimeAmount
        var bodyProgress: TimeAmount
        /// From the end of the head to the end of the body.
        var body: TimeAmount
        var idle: TimeAmount
        /// How long an answer may stay unread without any progress.
        var write: TimeAmount
        /// How long what still comes in is read and thrown away after the last answer, so that a reset does not destroy
        /// the answer on its way (RFC 9112 section 9.6).
        var linger: TimeAmount = .seconds(1)
        /// How long an idle connection is kept when the server stops: a request may be on its way already.
        var quiesce: TimeAmount = .milliseconds(500)

        /// The least that any regular wait takes: whoever looks this often is never late.
        var shortest: TimeAmount { min(head, bodyProgress, body, idle, write) }
    }

    enum Carrier: Sendable { case connection, stream }

    /// What a client was too slow for.
    enum Expiry: String, Sendable, CaseIterable { case connect, head, bodyProgress, body, idle, write, linger, quiesce }

    private enum Inbound {
        /// Nothing of the first request yet.
        case connected(NIODeadline)
        /// Between requests.
        case waiting(NIODeadline)
        case head(since: NIODeadline)
        case body(since: NIODeadline, progress: NIODeadline)
        /// Nothing more is expected.
        case over
    }

    private let limits: Limits
    private let carrier: Carrier
    private var inbound: Inbound
    /// Requests that are being answered.
    private(set) var outstanding = 0
    private var answeredAt: NIODeadline
    /// Since when we do not read: the client is not the one who is slow then.
    private var pausedSince: NIODeadline?
    /// Since when written bytes have not moved.
    private var blockedSince: NIODeadline?
    private var closingSince: NIODeadline?
    private var lingeringSince: NIODeadline?
    private var quiescingSince: NIODeadline?

    init(_ limits: Limits, carrier: Carrier, now: NIODeadline) {
        self.limits = limits
        self.carrier = carrier
        inbound = .connected(now)
        answeredAt = now
    }

    // MARK: What happens

    var isWithinHead: Bool { if case .head = inbound { true } else { false } }
    var isWithinBody: Bool { if case .body = inbound { true } else { false } }
    var isLingering: Bool { lingeringSince != nil }
    /// Whether no request is being read or answered.
    var isIdle: Bool {
        switch inbound {
        case .connected, .waiting, .over: outstanding == 0
        case .head, .body: false
        }
    }

    /// Bytes have come in, of whatever.
    mutating func bytesArrived(_ now: @autoclosure () -> NIODeadline) {
        switch inbound {
        case .connected(let since): inbound = .head(since: since)
        case .waiting: inbound = .head(since: now())
        case .head, .body, .over: break
        }
    }

    mutating func headRead(_ now: NIODeadline) { inbound = .body(since: now, progress: now) }

    mutating func bodyRead(_ now: NIODeadline) {
        if case .body(let since, _) = inbound { inbound = .body(since: since, progress: now) }
    }

    mutating func endRead(_ now: NIODeadline) {
        guard isWithinBody else { return }
        inbound = carrier == .connection ? .waiting(now) : .over
    }

    /// A whole request has come in and is answered without being passed on.
    mutating func requestTaken(_ now: NIODeadline) {
        inbound = .waiting(now)
        outstanding += 1
    }

    /// What was taken is passed on after all, from its first byte on.
    mutating func requestReturned(_ now: NIODeadline) {
        inbound = .waiting(now)
        outstanding = max(0, outstanding - 1)
    }

    /// What was held back is passed on, from its first byte on.
    mutating func heldReturned(_ now: NIODeadline) { inbound = .waiting(now) }

    /// Nothing that still comes in matters.
    mutating func inputEnds() { inbound = .over }

    mutating func requestPassedOn() { outstanding += 1 }

    /// A whole answer is written.
    mutating func answered(_ now: NIODeadline) {
        outstanding = max(0, outstanding - 1)
        answeredAt = now
        if carrier == .stream { closingSince = now }
    }

    mutating func readingPauses(_ now: @autoclosure () -> NIODeadline) {
        if pausedSince == nil, isWithinHead || isWithinBody { pausedSince = now() }
    }

    /// The time in between is not held against the client, but for the limit of a whole body.
    mutating func readingResumes(_ now: @autoclosure () -> NIODeadline) {
        guard let paused = pausedSince else { return }
        pausedSince = nil
        let pause = now() - paused
        switch inbound {
        case .head(let since): inbound = .head(since: since + pause)
        case .body(let since, let progress): inbound = .body(since: since, progress: progress + pause)
        case .connected, .waiting, .over: break
        }
    }

    mutating func writesBlock(_ now: NIODeadline) { if blockedSince == nil { blockedSince = now } }
    mutating func writesProgress(_ now: NIODeadline) { if blockedSince != nil { blockedSince = now } }
    mutating func writesFlow() { blockedSince = nil }

    /// The last answer is written; the connection closes when it has left.
    mutating func closes(_ now: NIODeadline) { if closingSince == nil { closingSince = now } }
    /// Our side is closed.
    mutating func lingers(_ now: NIODeadline) { if lingeringSince == nil { lingeringSince = now } }
    mutating func quiesces(_ now: NIODeadline) { if quiescingSince == nil { quiescingSince = now } }

    // MARK: What follows

    /// What runs out next, and when.
    var next: (at: NIODeadline, expiry: Expiry)? {
        if let lingeringSince { return (lingeringSince + limits.linger, .linger) }
        var earliest: (at: NIODeadline, expiry: Expiry)?
        func consider(_ at: NIODeadline, _ expiry: Expiry) {
            if earliest.map({ at < $0.at }) ?? true { earliest = (at, expiry) }
        }
        if let blockedSince { consider(blockedSince + limits.write, .write) }
        if let closingSince { consider(max(closingSince, blockedSince ?? closingSince) + limits.write, .write) }
        switch inbound {
        case .connected(let since):
            consider(since + limits.head, .connect)
            if let quiescingSince { consider(max(since, quiescingSince) + limits.quiesce, .quiesce) }
        case .waiting(let since) where outstanding == 0 && closingSince == nil:
            let idleSince = max(since, answeredAt)
            consider(idleSince + limits.idle, .idle)
            if let quiescingSince { consider(max(idleSince, quiescingSince) + limits.quiesce, .quiesce) }
        case .head(let since):
            if pausedSince == nil { consider(since + limits.head, .head) }
        case .body(let since, let progress):
            consider(since + limits.body, .body)
            if pausedSince == nil { consider(progress + limits.bodyProgress, .bodyProgress) }
        case .waiting, .over: break
        }
        return earliest
    }

    /// What has run out, if anything has.
    func expired(_ now: NIODeadline) -> Expiry? {
        guard let next, next.at <= now else { return nil }
        return next.expiry
    }

    /// When to look again: when something runs out, and never later than the shortest wait from now. A wait that begins
    /// in between ends after that, so that nothing has to be rescheduled while requests come and go.
    func lookAgain(_ now: NIODeadline) -> NIODeadline {
        min(next?.at ?? .distantFuture, now + limits.shortest)
    }
}
