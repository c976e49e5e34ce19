import SecurityClient

/// A role for a while, asked for by one person and granted by another. A value: what happens to it makes another one, or
/// is refused.
///
///     requested -> approved -> ended | expired
///     requested -> rejected | withdrawn | lapsed
struct Elevation: Sendable, Equatable {
    enum State: String, Sendable, CaseIterable {
        case requested
        /// In effect, until it ends.
        case approved
        case rejected
        /// Taken back by whoever asked for it.
        case withdrawn
        /// Decided by nobody.
        case lapsed
        /// Before it ran out.
        case ended
        case expired
    }

    /// Milliseconds for which a request waits for a decision.
    static let patience: Int64 = 3_600_000

    let id: Int64
    let subject: String
    let role: String
    let scope: RoleScope?
    /// Milliseconds from the approval on.
    let duration: Int64
    let reason: String
    private(set) var state: State
    /// Milliseconds since the epoch, as are all times.
    let requestedAt: Int64
    let lapsesAt: Int64
    private(set) var decidedBy: String?
    private(set) var decidedAt: Int64?
    private(set) var decisionReason: String?
    private(set) var endsAt: Int64?
    private(set) var endedBy: String?
    private(set) var endedAt: Int64?
    /// What it gave.
    var assignment: Int64?

    init(
        id: Int64, subject: String, role: String, scope: RoleScope?, duration: Int64, reason: String,
        state: State = .requested, requestedAt: Int64, lapsesAt: Int64? = nil, decidedBy: String? = nil,
        decidedAt: Int64? = nil, decisionReason: String? = nil, endsAt: Int64? = nil, endedBy: String? = nil,
        endedAt: Int64? = nil, assignment: Int64? = nil
    ) {
        self.id = id
        self.subject = subject
        self.role = role
        self.scope = scope
        self.duration = duration
        self.reason = reason
        self.state = state
        self.requestedAt = requestedAt
        self.lapsesAt = lapsesAt ?? requestedAt + Elevation.patience
        self.decidedBy = decidedBy
        self.decidedAt = decidedAt
        self.decisionReason = decisionReason
        self.endsAt = endsAt
        self.endedBy = endedBy
        self.endedAt = endedAt
        self.assignment = assignment
    }

    /// What time alone makes of it.
    func passing(to now: Int64) -> Elevation {
        var next = self
        switch state {
        case .requested where now >= lapsesAt:
            next.state = .lapsed
            next.endedAt = lapsesAt
        case .approved where now >= endsAt ?? .max:
            next.state = .expired
            next.endedAt = endsAt
        default: break
        }
        return next
    }

    /// Brings it into effect from now on.
    func approved(by approver: String, reason: String?, at now: Int64) throws(RoleFault) -> Elevation {
        var next = try decided(by: approver, reason: reason, at: now)
        next.state = .approved
        next.endsAt = now + duration
        return next
    }

    func rejected(by approver: String, reason: String?, at now: Int64) throws(RoleFault) -> Elevation {
        var next = try decided(by: approver, reason: reason, at: now)
        next.state = .rejected
        return next
    }

    /// Gives it back, or takes the request back.
    func ended(by actor: String, at now: Int64) throws(RoleFault) -> Elevation {
        var next = passing(to: now)
        switch next.state {
        case .approved: next.state = .ended
        case .requested where actor == subject: next.state = .withdrawn
        default: throw .notInEffect(next.state)
        }
        next.endedBy = actor
        next.endedAt = now
        return next
    }

    private func decided(by approver: String, reason: String?, at now: Int64) throws(RoleFault) -> Elevation {
        var next = passing(to: now)
        guard next.state == .requested else { throw .alreadyDecided(next.state) }
        guard approver != subject else { throw .fourEyes }
        next.decidedBy = approver
        next.decidedAt = now
        next.decisionReason = reason
        return next
    }
}
