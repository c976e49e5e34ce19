import APISecurity
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Tokens whose signature and claims were found good, with what they say. Bounded; divided, so that threads seldom wait.
///
/// Each token has 32 places to be in, found by a few bytes of its signature; of those in them the one unused longest
/// leaves. A token is found only when all of it is the same, byte by byte.
final class VerifiedTokenCache: Sendable {
    enum Answer: Sendable {
        case hit(Identity)
        case expired
        case revoked
        case miss
    }

    /// What was known of the world when a token was last looked at.
    struct Knowledge: Sendable {
        var keyGeneration: UInt64
        var revocationVersion: UInt64
    }

    /// Guarded by the lock of the shard that it is in.
    private final class Entry {
        let token: [UInt8]
        let identity: Identity
        var knowledge: Knowledge
        var isRevoked: Bool
        var lastUse: UInt64

        init(_ token: [UInt8], _ identity: Identity, _ knowledge: Knowledge, isRevoked: Bool, lastUse: UInt64) {
            self.token = token
            self.identity = identity
            self.knowledge = knowledge
            self.isRevoked = isRevoked
            self.lastUse = lastUse
        }
    }

    private struct Slots {
        var hashes: [UInt64]
        var entries: [Entry?]
        var uses: UInt64 = 0
        var hits: UInt64 = 0
        var misses: UInt64 = 0

        init(count: Int) {
            hashes = Array(repeating: 0, count: count)
            entries = Array(repeating: nil, count: count)
        }
    }

    private final class Shard: Sendable {
        let slots: Mutex<Slots>
        init(count: Int) { slots = Mutex(Slots(count: count)) }
    }

    /// Enough that hardly any token has to leave before all places are taken.
    private static let ways = 32
    private static let maxShards = 16

    private let shards: [Shard]
    private let setsPerShard: Int
    private let seed = UInt64.random(in: .min ... .max)
    private let revocations: RevocationSet

    /// - Parameter capacity: how many tokens are held at most, in steps of 32, and of 512 from 512 on; none below 32.
    init(capacity: Int, revocations: RevocationSet) {
        let sets = max(0, capacity) / VerifiedTokenCache.ways
        let shardCount = min(sets, VerifiedTokenCache.maxShards)
        let setsPerShard = shardCount == 0 ? 0 : sets / shardCount
        self.setsPerShard = setsPerShard
        shards = (0..<shardCount).map { _ in Shard(count: setsPerShard * VerifiedTokenCache.ways) }
        self.revocations = revocations
    }

    /// - Parameters:
    ///   - generation: of the keys, now: what was verified under another one counts as not known.
    ///   - now: milliseconds since the epoch.
    func find(_ token: UnsafeBufferPointer<UInt8>, generation: UInt64, now: Int64) -> Answer {
        guard setsPerShard > 0, token.count >= 32 else { return .miss }
        let hash = hash(of: token)
        // Before the set is asked, so that what is applied meanwhile is asked about next time.
        let version = revocations.version
        return shard(hash).slots.withLock { slots in
            for index in places(hash) where slots.hashes[index] == hash {
                guard let entry = slots.entries[index], VerifiedTokenCache.same(entry.token, token) else { continue }
                guard now < entry.identity.expiresAt * 1000 else {
                    slots.entries[index] = nil
                    slots.hashes[index] = 0
                    return .expired
                }
                guard entry.knowledge.keyGeneration == generation else { break }
                if entry.knowledge.revocationVersion != version {
                    entry.isRevoked = entry.isRevoked || revocations.isRevoked(entry.identity)
                    entry.knowledge.revocationVersion = version
                }
                slots.uses += 1
                slots.hits += 1
                entry.lastUse = slots.uses
                return entry.isRevoked ? .revoked : .hit(entry.identity)
            }
            slots.misses += 1
            return .miss
        }
    }

    func insert(_ token: [UInt8], _ identity: Identity, _ knowledge: Knowledge, isRevoked: Bool) {
        guard setsPerShard > 0, token.count >= 32 else { return }
        let hash = token.withUnsafeBufferPointer { self.hash(of: $0) }
        shard(hash).slots.withLock { slots in
            var place = places(hash).lowerBound
            var oldest = UInt64.max
            for index in places(hash) {
                guard let entry = slots.entries[index] else {
                    if oldest > 0 { (place, oldest) = (index, 0) }
                    continue
                }
                if slots.hashes[index] == hash, entry.token == token {
                    place = index
                    break
                }
                if entry.lastUse < oldest { (place, oldest) = (index, entry.lastUse) }
            }
            slots.uses += 1
            slots.hashes[place] = hash
            slots.entries[place] = Entry(token, identity, knowledge, isRevoked: isRevoked, lastUse: slots.uses)
        }
    }

    var statistics: (hits: UInt64, misses: UInt64, count: Int) {
        var total: (hits: UInt64, misses: UInt64, count: Int) = (0, 0, 0)
        for shard in shards {
            let one = shard.slots.withLock { ($0.hits, $0.misses, $0.entries.count { $0 != nil }) }
            total = (total.hits + one.0, total.misses + one.1, total.count + one.2)
        }
        return total
    }

    // MARK: - Places

    /// Of 16 bytes before the end, which lie in the signature and are as good as random. Only whoever can make valid
    /// tokens gets one in here, and finding a token compares all of it.
    private func hash(of token: UnsafeBufferPointer<UInt8>) -> UInt64 {
        let raw = UnsafeRawBufferPointer(token)
        let first = raw.loadUnaligned(fromByteOffset: raw.count - 24, as: UInt64.self)
        let second = raw.loadUnaligned(fromByteOffset: raw.count - 16, as: UInt64.self)
        let product = (first ^ seed).multipliedFullWidth(by: second ^ 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low
    }

    private func shard(_ hash: UInt64) -> Shard { shards[Int((hash & 0xFFFF) % UInt64(shards.count))] }

    private func places(_ hash: UInt64) -> Range<Int> {
        let start = Int((hash >> 16) % UInt64(setsPerShard)) * VerifiedTokenCache.ways
        return start..<(start + VerifiedTokenCache.ways)
    }

    private static func same(_ known: [UInt8], _ token: UnsafeBufferPointer<UInt8>) -> Bool {
        known.count == token.count
            && known.withUnsafeBytes { bytes in
                guard let left = bytes.baseAddress, let right = token.baseAddress else { return true }
                return memcmp(left, right, token.count) == 0
            }
    }
}
