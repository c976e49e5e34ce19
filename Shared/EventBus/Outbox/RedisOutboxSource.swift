import Redis
import Synchronization

/// The relay's side of an outbox in Redis.
///
/// Entries move from the streams of the tags into one stream, `assigned`, where they get their numbers, and are
/// published from there. Moving checks the lease, so that each entry gets one number, whoever dies when.
package final class RedisOutboxSource: OutboxSource {
    package let name: String
    let outbox: RedisOutbox
    let redis: RedisClient
    let retention: OutboxRetention

    private struct State {
        var epoch: Int64 = 0
        /// The last entry moved from each tag's stream.
        var moved: [String] = []
        /// The last entry of `assigned` that is published.
        var done = "0-0"
        /// A cluster reads streams of several slots one by one.
        var readsOneByOne = false
    }
    private let state = Mutex(State())

    init(outbox: RedisOutbox, redis: RedisClient, retention: OutboxRetention) {
        name = outbox.name
        self.outbox = outbox
        self.redis = redis
        self.retention = retention
    }

    private func key(_ what: String) -> String { "\(name):out:{\(name)-relay}:\(what)" }
    private var lease: String { key("lease") }
    private var meta: String { key("meta") }
    private var sequences: String { key("sequences") }
    private var assigned: String { key("assigned") }
    private var positions: String { key("positions") }

    // MARK: - Lease

    package func acquire(holder: String, ttl: Duration) async throws(OutboxError) -> OutboxLease? {
        let asked = ContinuousClock.now
        let fence = try await run(
            RedisOutboxScripts.acquire, [lease, meta], [.string(holder), .int(Int(ttl.milliseconds64))]
        ).int
        guard let fence, fence > 0 else { return nil }
        return OutboxLease(outbox: name, holder: holder, fence: fence, validUntil: asked + ttl)
    }

    package func renew(_ lease: OutboxLease, ttl: Duration) async throws(OutboxError) -> OutboxLease? {
        let asked = ContinuousClock.now
        let renewed = try await run(
            RedisOutboxScripts.renew, [self.lease, meta],
            [.string(lease.holder), .int(Int(ttl.milliseconds64)), .int(Int(lease.fence))]
        ).int
        guard renewed == 1 else { return nil }
        return OutboxLease(outbox: name, holder: lease.holder, fence: lease.fence, validUntil: asked + ttl)
    }

    package func release(_ lease: OutboxLease) async {
        // If this fails the lease runs out by itself.
        _ = try? await run(RedisOutboxScripts.release, [self.lease], [.string(lease.holder)])
    }

    // MARK: - Reading

    package func open(_ lease: OutboxLease) async throws(OutboxError) -> OutboxState {
        let reply = try await run(
            RedisOutboxScripts.open, [meta, sequences], [.string(lease.holder), .int(Int(lease.fence))]
        ).array
        guard let reply, reply.count == 3, let epoch = reply[0].int, let done = reply[1].string else {
            throw .unavailable("unexpected reply when opening")
        }
        let fields = (0..<outbox.tags).map { RedisArgument.string("t:\($0)") }
        let moved = try await send(["HMGET", .string(meta)] + fields, key: meta).array ?? []
        state.withLock { state in
            state.epoch = epoch
            state.done = done
            state.moved = (0..<outbox.tags).map { $0 < moved.count ? moved[$0].string ?? "0-0" : "0-0" }
        }
        var opened = OutboxState(epoch: epoch, lastSequences: [:])
        let pairs = reply[2].array ?? []
        for index in stride(from: 0, to: pairs.count - 1, by: 2) {
            if let topic = pairs[index].string { opened.lastSequences[topic] = pairs[index + 1].int ?? 0 }
        }
        return opened
    }

    package func clock() async throws(OutboxError) -> Int64 {
        let reply = try await send(["TIME"], key: meta).array ?? []
        guard reply.count == 2, let seconds = reply[0].int, let microseconds = reply[1].int else {
            throw .unavailable("unexpected reply to TIME")
        }
        return seconds * 1_000 + microseconds / 1_000
    }

    package func acknowledged() async throws(OutboxError) -> [AcknowledgedPosition] {
        let pairs = try await send(["HGETALL", .string(positions)], key: positions).array ?? []
        var found: [AcknowledgedPosition] = []
        for index in stride(from: 0, to: pairs.count - 1, by: 2) {
            guard let field = pairs[index].string?.split(separator: "/"),
                let value = pairs[index + 1].string?.split(separator: "/"), field.count == 2, value.count == 2,
                let partition = Int32(field[1]), let offset = Int64(value[0])
            else { continue }
            let place = TopicPartition(topic: String(field[0]), partition: partition)
            found.append(
                AcknowledgedPosition(
                    position: RecordPosition(partition: place, offset: offset), eventID: String(value[1])))
        }
        return found
    }

    /// Counts up to 10,000 of those that have a number, and what stands in the streams of the tags.
    package func backlog() async throws(OutboxError) -> Int {
        var waiting = try await run(RedisOutboxScripts.waiting, [meta, assigned], []).int ?? 0
        for tag in 0..<outbox.tags {
            let key = outbox.key(tag: tag)
            waiting += try await send(["XLEN", .string(key)], key: key).int ?? 0
        }
        return Int(waiting)
    }

    package func take(limit: Int, _ lease: OutboxLease) async throws(OutboxError) -> OutboxBatch {
        let leftSome = try await moveNewEntries(lease)
        let done = state.withLock { $0.done }
        let reply = try await send(
            ["XRANGE", .string(assigned), .string("(\(done)"), "+", "COUNT", .int(limit)], key: assigned)
        let entries = RedisStreamEntry.list(reply)
        let records = entries.compactMap { entry -> OutboxRecord? in
            guard let epoch = entry["e"]?.int, let sequence = entry["s"]?.int, let topic = entry["t"]?.string,
                let bytes = entry["v"]?.bytes
            else { return nil }
            let event = OutboxEvent(encoded: bytes) ?? .unreadable(topic: topic, bytes: bytes.count)
            return OutboxRecord(event: event, epoch: epoch, sequence: sequence)
        }
        return OutboxBatch(
            records: records, mark: entries.last?.id ?? done, hasMore: leftSome || entries.count >= limit)
    }

    // MARK: - Moving

    private struct Portion {
        let tag: Int
        let before: String
        let entries: [RedisStreamEntry]
    }

    /// Gives numbers to new entries. Returns whether a stream may have had more than are moved at once; what arrives
    /// meanwhile does not count, or a relay under load would never come to its heartbeat.
    private func moveNewEntries(_ lease: OutboxLease) async throws(OutboxError) -> Bool {
        let portions = try await newEntries()
        guard !portions.isEmpty else { return false }
        var arguments = guardArguments(lease)
        for portion in portions {
            guard let last = portion.entries.last else { continue }
            arguments += [
                .int(portion.tag), .string(portion.before), .string(last.id), .int(portion.entries.count),
            ]
            for entry in portion.entries {
                let bytes = entry["v"]?.bytes ?? []
                // An entry that nobody can read still takes a number, on the topic that everything auditable goes to.
                let topic =
                    OutboxEvent.topic(encoded: bytes) ?? OutboxEvent(encoded: bytes)?.topic
                    ?? RedisOutboxSource.fallbackTopic
                let isTooLong = bytes.count > OutboxEvent.maxBytes
                arguments += [.string(topic), isTooLong ? .string("") : .bytes(bytes)]
            }
        }
        let moved = Int(try await run(RedisOutboxScripts.move, [meta, sequences, assigned], arguments).int ?? 0)
        // A stream that was left alone is not where this relay believes it to be: nothing of it may be deleted.
        guard moved == portions.reduce(0, { $0 + $1.entries.count }) else { throw .epochChanged }
        for portion in portions {
            guard let last = portion.entries.last else { continue }
            state.withLock { $0.moved[portion.tag] = last.id }
            // What is moved need not stay; if this fails the next time will do.
            let key = outbox.key(tag: portion.tag)
            _ = try? await send(["XTRIM", .string(key), "MINID", .string(last.next)], key: key)
        }
        return portions.contains { $0.entries.count >= Self.portionSize }
    }

    private static let fallbackTopic = "security.events"

    private func newEntries() async throws(OutboxError) -> [Portion] {
        let (moved, oneByOne) = state.withLock { ($0.moved, $0.readsOneByOne) }
        guard moved.count == outbox.tags else { throw .epochChanged }
        if !oneByOne {
            do throws(RedisError) {
                return try await newEntriesAtOnce(moved)
            } catch .server(let text) where text.hasPrefix("CROSSSLOT") {
                state.withLock { $0.readsOneByOne = true }
            } catch .configuration {
                state.withLock { $0.readsOneByOne = true }
            } catch {
                throw OutboxError(error)
            }
        }
        return try await withThrowingPortions(moved)
    }

    private static let portionSize = 64
    private static let prunedAtOnce = 1_000

    private func newEntriesAtOnce(_ moved: [String]) async throws(RedisError) -> [Portion] {
        let keys = (0..<outbox.tags).map { outbox.key(tag: $0) }
        let reply = try await redis.send(
            ["XREAD", "COUNT", .int(Self.portionSize), "STREAMS"] + keys.map(RedisArgument.string)
                + moved.map(RedisArgument.string), key: keys.first, retry: .ifIdempotent)
        let tags = Dictionary(uniqueKeysWithValues: keys.enumerated().map { ($0.element, $0.offset) })
        return (reply.array ?? []).compactMap { stream in
            guard let pair = stream.array, pair.count == 2, let tag = pair[0].string.flatMap({ tags[$0] }) else {
                return nil
            }
            return Portion(tag: tag, before: moved[tag], entries: RedisStreamEntry.list(pair[1]))
        }
    }

    private func withThrowingPortions(_ moved: [String]) async throws(OutboxError) -> [Portion] {
        let results = await withTaskGroup(of: Result<Portion, OutboxError>.self) { group in
            for tag in 0..<outbox.tags {
                group.addTask {
                    let key = self.outbox.key(tag: tag)
                    do throws(OutboxError) {
                        let reply = try await self.send(
                            [
                                "XRANGE", .string(key), .string("(\(moved[tag])"), "+", "COUNT",
                                .int(Self.portionSize),
                            ], key: key)
                        return .success(
                            Portion(tag: tag, before: moved[tag], entries: RedisStreamEntry.list(reply)))
                    } catch {
                        return .failure(error)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var portions: [Portion] = []
        for result in results {
            let portion = try result.get()
            if !portion.entries.isEmpty { portions.append(portion) }
        }
        return portions
    }

    // MARK: - Writing

    package func confirm(
        _ batch: OutboxBatch, _ positions: [AcknowledgedPosition], _ lease: OutboxLease
    ) async throws(OutboxError) {
        var arguments = guardArguments(lease) + [.string(batch.mark)]
        for acknowledged in positions {
            let position = acknowledged.position
            arguments += [
                .string("\(position.partition.topic)/\(position.partition.partition)"),
                .string("\(position.offset)/\(acknowledged.eventID)"),
            ]
        }
        _ = try await run(RedisOutboxScripts.confirm, [meta, self.positions], arguments)
        state.withLock { $0.done = batch.mark }
    }

    package func republish(_ topics: Set<String>, _ lease: OutboxLease) async throws(OutboxError) {
        _ = try await run(RedisOutboxScripts.republish, [meta, positions], guardArguments(lease))
        state.withLock { $0.done = "0-0" }
    }

    package func prune(_ lease: OutboxLease) async throws(OutboxError) {
        let oldest = try await clock() - retention.standard.milliseconds64
        let arguments =
            guardArguments(lease) + [
                .string("\(max(0, oldest))-0"), .int(retention.maxEvents), .int(Self.prunedAtOnce),
            ]
        // Little at a time, because nobody else is served meanwhile, and again until all is done.
        while try await run(RedisOutboxScripts.prune, [meta, assigned], arguments).int == Int64(Self.prunedAtOnce) {}
    }

    // MARK: - Helpers

    private func guardArguments(_ lease: OutboxLease) -> [RedisArgument] {
        [.string(lease.holder), .int(Int(lease.fence)), .int(Int(state.withLock { $0.epoch }))]
    }

    private func run(
        _ script: RedisScript, _ keys: [String], _ arguments: [RedisArgument]
    ) async throws(OutboxError) -> RESPValue {
        do throws(RedisError) {
            return try await redis.run(script, keys: keys, arguments: arguments)
        } catch {
            throw OutboxError(error)
        }
    }

    private func send(_ arguments: [RedisArgument], key: String) async throws(OutboxError) -> RESPValue {
        do throws(RedisError) {
            return try await redis.send(arguments, key: key, retry: .ifIdempotent)
        } catch {
            throw OutboxError(error)
        }
    }
}

extension OutboxError {
    init(_ error: RedisError) {
        switch error {
        case .server(let text) where text.contains("FENCED"): self = .leaseLost
        case .server(let text) where text.contains("EPOCH"): self = .epochChanged
        // Moved, but the answer was lost: `open` tells how far it went.
        case .outcomeUnknown: self = .epochChanged
        default: self = .unavailable("\(error)")
        }
    }
}

/// An entry of a stream.
struct RedisStreamEntry: Sendable {
    let id: String
    private let fields: [RESPValue]

    init?(_ reply: RESPValue) {
        guard let parts = reply.array, parts.count == 2, let id = parts[0].string, let fields = parts[1].array else {
            return nil
        }
        self.id = id
        self.fields = fields
    }

    static func list(_ reply: RESPValue) -> [RedisStreamEntry] {
        (reply.array ?? []).compactMap { RedisStreamEntry($0) }
    }

    subscript(_ name: String) -> RESPValue? {
        for index in stride(from: 0, to: fields.count - 1, by: 2) where fields[index].string == name {
            return fields[index + 1]
        }
        return nil
    }

    /// The smallest id after this one.
    var next: String {
        let parts = id.split(separator: "-")
        guard parts.count == 2, let sequence = UInt64(parts[1]) else { return id }
        return sequence == .max ? "\((UInt64(parts[0]) ?? 0) + 1)-0" : "\(parts[0])-\(sequence + 1)"
    }
}
