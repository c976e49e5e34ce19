import NIOCore

/// Asks sentinels which server is the master now.
///
/// https://redis.io/docs/latest/develop/reference/sentinel-clients/
struct SentinelLookup: Sendable {
    let nodes: [RedisAddress]
    let master: String
    let dialer: Dialer

    /// Where the master is. All sentinels are asked at once, so that a dead one delays nobody for long; the address
    /// that most of them name comes first, and has to take itself for a master, because sentinels may lag behind.
    ///
    /// Fails with `.unavailable` when there is none.
    func master(on eventLoop: any EventLoop) -> EventLoopFuture<RedisAddress> {
        let command: [RedisArgument] = ["SENTINEL", "get-master-addr-by-name", .string(master)]
        let answers = nodes.map { node in
            dialer.ask(command, at: node, as: .sentinel, on: eventLoop)
        }
        return EventLoopFuture.whenAllComplete(answers, on: eventLoop).flatMap { results in
            let named = results.compactMap { result in (try? result.get()).flatMap(SentinelLookup.address) }
            return firstMaster(of: SentinelLookup.ranked(named)[...], on: eventLoop)
        }
    }

    private func firstMaster(
        of candidates: ArraySlice<RedisAddress>, on eventLoop: any EventLoop
    ) -> EventLoopFuture<RedisAddress> {
        guard let candidate = candidates.first else {
            return eventLoop.makeFailedFuture(RedisError.unavailable("no sentinel names a master that is one"))
        }
        return dialer.ask(["ROLE"], at: candidate, as: .data, on: eventLoop).map { $0.array?.first?.string == "master" }
            .recover { _ in false }
            .flatMap { isMaster in
                isMaster
                    ? eventLoop.makeSucceededFuture(candidate)
                    : firstMaster(of: candidates.dropFirst(), on: eventLoop)
            }
    }

    /// `["127.0.0.1", "6379"]`; null when the sentinel does not know the name.
    static func address(_ reply: RESPValue) -> RedisAddress? {
        guard let parts = reply.array, parts.count == 2, let host = parts[0].string, !host.isEmpty,
            let port = parts[1].int, (1...65_535).contains(port)
        else { return nil }
        return RedisAddress(host: host, port: Int(port))
    }

    /// Each address once, those named most often first.
    static func ranked(_ addresses: [RedisAddress]) -> [RedisAddress] {
        var votes: [RedisAddress: Int] = [:]
        for address in addresses { votes[address, default: 0] += 1 }
        return votes.sorted { ($1.value, $0.key.port) < ($0.value, $1.key.port) }.map(\.key)
    }
}
