/// How fast somebody may try passwords and codes.
///
/// Three counts, each with a table of delays; the tables are decided here, and a Redis script looks them up while it
/// counts, so that a hundred attempts at once are counted like a hundred in a row. An attempt counts when it begins and
/// is taken back when it succeeds.
///
/// - **Account and address together** (IPv4 address, IPv6 /64): strict. From the fourth failure on the delay doubles,
///   up to 15 minutes. Only whoever fails from an address waits there.
/// - **Account, over all addresses:** never a gate that others could hold shut. When an account is under pressure, an
///   address from which nobody has signed in to it lately has to wait once, at most 30 seconds, before its first
///   attempt counts, and then goes by its own count. An address with a recent success is exempt. So an attacker pays for
///   every fresh address, and the owner signs in from her usual place as if nothing had happened, and from a new one
///   after at most 30 seconds, however hard the flood.
/// - **Address, over all accounts:** against spraying. Exempt is again an address known to the account, so that a
///   neighbour behind the same address keeps nobody out.
struct SignInThrottle: Sendable, Equatable {
    /// Seconds to wait after the n-th failure of an address at an account; the last holds for all further.
    var pair: [Int]
    /// The same where somebody has signed in lately: mistyping neighbours behind one address, not strangers.
    var knownPair: [Int]
    /// Seconds that an unknown address has to wait once, by failures of the account over all addresses.
    var account: [Int]
    /// Seconds to wait after the n-th failure of an address over all accounts.
    var address: [Int]
    /// Milliseconds after which counts are forgotten.
    var memory: Int64
    /// Milliseconds for which an address with a success counts as known.
    var knownFor: Int64

    /// Longest of all delays: 15 minutes.
    static let longest = 900

    static let passwords = SignInThrottle(
        pair: doubling(free: 3, from: 1, to: longest),
        knownPair: doubling(free: 5, from: 1, to: 60),
        account: doubling(free: 20, from: 2, to: 30),
        address: doubling(free: 50, from: 1, to: longest),
        memory: 3_600_000, knownFor: 30 * 86_400_000)

    /// Second factors: whoever gets here holds the password already, and six digits are few, so that the count over
    /// all addresses is a gate, except for known addresses, which go by their own.
    static let codes = SignInThrottle(
        pair: doubling(free: 5, from: 5, to: longest),
        knownPair: doubling(free: 5, from: 5, to: longest),
        account: doubling(free: 10, from: 15, to: longest),
        address: [0],
        memory: 86_400_000, knownFor: 30 * 86_400_000)

    /// `free` times nothing, then `from` seconds doubling up to `to`.
    static func doubling(free: Int, from: Int, to: Int) -> [Int] {
        var table = Array(repeating: 0, count: free)
        var delay = from
        while delay < to {
            table.append(delay)
            delay *= 2
        }
        return table + [to]
    }

    /// The delay after `failures` failures.
    static func delay(_ table: [Int], failures: Int) -> Int {
        guard failures > 0, !table.isEmpty else { return 0 }
        return table[min(failures, table.count) - 1]
    }
}

extension SignInThrottle {
    /// What is known when an attempt begins. Instants in milliseconds.
    struct Standing: Sendable, Equatable {
        /// Whether somebody signed in to the account from the address lately.
        var isKnown = false
        var pairFailures = 0
        /// No attempt from the address at the account before this instant.
        var pairOpensAt: Int64 = 0
        /// Whether the address tried, or was made to wait, at this account before.
        var pairExists = false
        var accountFailures = 0
    }

    enum Decision: Sendable, Equatable {
        case allow
        /// Milliseconds; nothing was checked.
        case wait(Int64)
    }

    /// The rule that the script `AttemptScripts.begin` carries out for passwords.
    func decide(_ standing: Standing, now: Int64) -> Decision {
        if standing.pairOpensAt > now { return .wait(standing.pairOpensAt - now) }
        if !standing.isKnown, !standing.pairExists {
            let delay = SignInThrottle.delay(account, failures: standing.accountFailures)
            if delay > 0 { return .wait(Int64(delay) * 1000) }
        }
        return .allow
    }
}
