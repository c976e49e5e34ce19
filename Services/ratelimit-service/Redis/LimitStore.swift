import RateLimits
import Redis

/// What a group of counters said.
struct Admission: Sendable, Equatable {
    enum Result: Sendable, Equatable {
        case admitted
        case refused
        /// The record was there: this is what was answered when it was made.
        case known
        /// Somebody else has a record of this name.
        case foreign
    }

    let result: Result
    /// Milliseconds since the epoch, by Redis' clock.
    let now: Int64
    let permits: Int64
    /// Milliseconds for which permits may be spent.
    let life: Int64
    /// One for each limit of the group.
    let outcomes: [Outcome]

    init?(_ reply: RESPValue) {
        guard case .array(let values) = reply, values.count >= 4, values.count % 4 == 0,
            case .integer(let code) = values[0], case .integer(let now) = values[1],
            case .integer(let permits) = values[2], case .integer(let life) = values[3]
        else { return nil }
        switch code {
        case 1: result = .admitted
        case 0: result = .refused
        case 2: result = .known
        default: result = .foreign
        }
        self.now = now
        self.permits = permits
        self.life = life
        var outcomes: [Outcome] = []
        outcomes.reserveCapacity(values.count / 4 - 1)
        for place in stride(from: 4, to: values.count, by: 4) {
            guard case .integer(let admitted) = values[place], case .integer(let remaining) = values[place + 1],
                case .integer(let reset) = values[place + 2], case .integer(let retry) = values[place + 3]
            else { return nil }
            outcomes.append(
                Outcome(
                    admitted: admitted == 1, remaining: remaining, reset: reset,
                    retryAfter: admitted == 1 || retry < 0 ? nil : retry))
        }
        self.outcomes = outcomes
    }
}

/// What is asked for beside the limits.
struct Purpose: Sendable {
    /// Permits to be spent later; 0 is the request itself.
    var permits: Int64 = 0
    /// Milliseconds for which they may be spent.
    var ahead: Int64 = 0
    /// Names the request among others: it holds permits, and has a record.
    var id = ""
    var owner = ""
    /// Milliseconds for which the record stays; 0 makes none.
    var keep: Int64 = 0
    /// Milliseconds after which the record has expired.
    var expires: Int64 = 0

    static let check = Purpose()
}

/// How settling a record ended.
enum Settlement: Sendable, Equatable {
    enum State: String, Sendable { case committed, refunded, returned, undone, expired }

    case done(State, Int64)
    case unknown
    case settledOtherwise(State?, Int64)
    case expired

    init?(_ reply: RESPValue) {
        guard let values = reply.array, values.count == 3, let status = values[0].int, let amount = values[2].int else {
            return nil
        }
        let state = values[1].string.flatMap(State.init(rawValue:))
        switch status {
        case 1, 2:
            guard let state else { return nil }
            self = .done(state, amount)
        case -1: self = .settledOtherwise(state, amount)
        case -2: self = .expired
        default: self = .unknown
        }
    }
}

/// The counters in Redis.
struct LimitStore: Sendable {
    let redis: RedisClient
    var scripts = LimitScripts.standard

    private static let bare: [RedisArgument] = ["0", "0", "", "", "0", "0"]

    private func words(_ group: CounterGroup, _ purpose: Purpose?) -> [RedisArgument] {
        var words: [RedisArgument] = []
        words.reserveCapacity(7 + group.words.count)
        words.append(.int(group.keys.count))
        if let purpose {
            words += [
                .int(Int(purpose.permits)), .int(Int(purpose.ahead)), .string(purpose.id), .string(purpose.owner),
                .int(Int(purpose.keep)), .int(Int(purpose.expires)),
            ]
        } else {
            words += LimitStore.bare
        }
        words += group.words
        return words
    }

    /// Decides a group. All or nothing.
    func admit(
        _ group: CounterGroup, _ purpose: Purpose? = nil, time: Int64? = nil
    ) async throws(RedisError) -> Admission {
        var keys = group.keys
        if let purpose, purpose.keep > 0 { keys.append(LimitStore.record(purpose.id, tag: group.tag)) }
        var words = words(group, purpose)
        if let time { words.append(.int(Int(time))) }
        let reply = try await redis.run(scripts.admit, keys: keys, arguments: words)
        guard let admission = Admission(reply) else { throw .unexpectedReply("\(reply)") }
        return admission
    }

    /// The same from the event loop that this is called on; see `RedisClient.sendAtOnce`.
    func admitAtOnce(
        _ group: CounterGroup, _ purpose: Purpose? = nil,
        _ completion: @escaping (Result<RESPValue, RedisError>) -> Void
    ) -> Bool {
        guard let first = group.keys.first else { return false }
        let arguments = words(group, purpose)
        var command: [RedisArgument] = []
        command.reserveCapacity(3 + group.keys.count + arguments.count)
        command.append("EVALSHA")
        command.append(.string(scripts.admit.sha1))
        command.append(.int(group.keys.count))
        for key in group.keys { command.append(.string(key)) }
        command += arguments
        return redis.sendAtOnce(command, key: first, completion)
    }

    /// Settles a record, once. It may be asked again.
    func settle(
        _ id: String, tag: Substring, owner: String, _ state: Settlement.State, amount: Int64 = 0, time: Int64? = nil
    ) async throws(RedisError) -> Settlement {
        var words: [RedisArgument] = [.string(owner), .string(state.rawValue), .int(Int(amount))]
        if let time { words.append(.int(Int(time))) }
        let reply = try await redis.run(
            scripts.settle, keys: [LimitStore.record(id, tag: tag)], arguments: words, retry: .ifIdempotent)
        guard let settlement = Settlement(reply) else { throw .unexpectedReply("\(reply)") }
        return settlement
    }

    /// Charges a counter whatever its limit says.
    /// - Parameter changes: how many milliseconds ago and how much, the oldest first.
    func charge(
        _ key: String, _ algorithm: LimitAlgorithm, quantity: Int64, _ changes: [(age: Int64, cost: Int64)],
        time: Int64? = nil
    ) async throws(RedisError) {
        var words: [RedisArgument] = ["", "age", .int(changes.count)]
        CounterGroup.append(algorithm, quantity: quantity, cost: 0, flags: [], to: &words)
        for change in changes {
            words.append(.int(Int(change.age)))
            words.append(.int(Int(change.cost)))
        }
        if let time { words.append(.int(Int(time))) }
        _ = try await redis.run(scripts.adjust, keys: [key], arguments: words)
    }

    /// The key of a reservation or lease, beside the counters that it charged.
    static func record(_ id: String, tag: Substring) -> String { "rl:{\(tag)}record.\(id)" }
}
