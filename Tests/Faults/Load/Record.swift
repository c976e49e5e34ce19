/// What clients did and what they were answered, as values: the verdict needs nothing else.
struct Record: Sendable {
    var entries: [Entry] = []
}

/// One exchange, or one whole round of a client. Times run from the beginning of the record.
struct Entry: Sendable, Equatable {
    var client: Int
    var sentAt: Duration
    var answeredAt: Duration
    var happening: Happening
}

/// Who decides whether a token is good.
enum Verifier: Sendable, Hashable {
    case orderAPI
    /// Introspection at a replica of token-service.
    case introspection(replica: Int)
}

enum Act: String, Sendable, Hashable {
    case signIn, refresh, repeatedRefresh, use, introspect, logOut
}

enum Happening: Sendable, Equatable {
    case signedIn(session: String)
    /// A refresh token was exchanged for its successor.
    case refreshed(session: String, presented: String, successor: String)
    /// The refresh token was no longer taken: the client signs in again.
    case refreshRefused(session: String)
    /// The end of the session was answered.
    case ended(session: String)
    case accepted(session: String, by: Verifier)
    case refused(session: String, by: Verifier)
    /// 503, or no answer at all, from everybody who was asked.
    case unavailable(Act)
    /// 429.
    case throttled(Act)
    case unexpected(Act, status: Int)
    /// Signed in, refreshed, used, logged out: the whole round, from `sentAt` to `answeredAt`.
    case completedRound
}

extension Record {
    func count(_ matches: (Happening) -> Bool) -> Int { entries.count { matches($0.happening) } }

    /// Sessions with the time at which their end was first answered.
    var ends: [String: Duration] {
        var ends: [String: Duration] = [:]
        for entry in entries {
            guard case .ended(let session) = entry.happening else { continue }
            ends[session] = min(entry.answeredAt, ends[session] ?? entry.answeredAt)
        }
        return ends
    }

    /// Clients that went through a whole round begun at or after `instant`.
    func clientsWithRound(begunAfter instant: Duration) -> Set<Int> {
        Set(entries.filter { $0.happening == .completedRound && $0.sentAt >= instant }.map(\.client))
    }

    /// In one line, for whoever reads the log of the tests.
    var summary: String {
        var counts: [(String, Int)] = []
        func add(_ name: String, _ matches: (Happening) -> Bool) { counts.append((name, count(matches))) }
        add("signed in") { if case .signedIn = $0 { true } else { false } }
        add("refreshed") { if case .refreshed = $0 { true } else { false } }
        add("refresh refused") { if case .refreshRefused = $0 { true } else { false } }
        add("ended") { if case .ended = $0 { true } else { false } }
        add("accepted") { if case .accepted = $0 { true } else { false } }
        add("refused") { if case .refused = $0 { true } else { false } }
        add("unavailable") { if case .unavailable = $0 { true } else { false } }
        add("throttled") { if case .throttled = $0 { true } else { false } }
        add("unexpected") { if case .unexpected = $0 { true } else { false } }
        add("rounds") { $0 == .completedRound }
        return counts.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
    }
}
