import NIOCore

/// What the lean path, which stands before the parser, and the guard behind it tell each other: deadlines, refusals and
/// the end of a connection are the guard's whichever way a request goes.
extension RequestGuard {
    /// Whether the bytes that come now may be answered without being passed on: nothing before them is under way, and the
    /// connection goes on after the answer.
    ///
    /// - Parameter isHolding: whether the first of them were held.
    func takesLean(isHolding: Bool) -> Bool {
        guard let deadlines, !isDeaf, !closesAfterAnswer, refusal == nil, !state.isDraining else { return false }
        return isHolding ? deadlines.isWithinBody && deadlines.outstanding == 0 : deadlines.isIdle
    }

    /// A head, or more of the body after it, is held until the request is whole.
    func leanHolds(_ now: NIODeadline) {
        if isHeldBelow {
            deadlines?.bodyRead(now)
        } else {
            isHeldBelow = true
            deadlines?.headRead(now)
        }
    }

    /// What was held is passed on.
    func leanReleases(_ now: NIODeadline) {
        guard isHeldBelow else { return }
        isHeldBelow = false
        if !isDeaf { deadlines?.heldReturned(now) }
    }

    /// A whole request is being answered.
    func leanTakes(_ now: NIODeadline) {
        isHeldBelow = false
        deadlines?.requestTaken(now)
    }

    /// It is passed on after all.
    func leanReturns(_ now: NIODeadline) { deadlines?.requestReturned(now) }

    /// Whether an answer that is about to be written is the connection's last, and has to say so.
    var isLastLean: Bool { closesAfterAnswer || state.isDraining }

    /// An answer was written.
    /// - Parameter last: for the connection's last answer, when it has left.
    func leanAnswered(_ now: NIODeadline, last: EventLoopFuture<Void>? = nil) {
        deadlines?.answered(now)
        guard let last, let context else { return }
        closesAfterAnswer = true
        isDeaf = true
        deadlines?.closes(now)
        finish(context, after: last)
    }

    /// Bytes of a large answer have left.
    func leanProgresses(_ now: NIODeadline) { deadlines?.writesProgress(now) }
}
