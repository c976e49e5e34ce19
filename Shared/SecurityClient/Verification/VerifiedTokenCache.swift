import APISecurity
import StrictJSON
import Synchronization

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
        let token: String
        let identity: Identity
        var knowledge: Knowledge
        var isRevoked: Bool

        init(_ token: String, _ identity: Identity, _ knowledge: Knowledge, isRevoked: Bool) {
            self.token = token
            self.identity = identity
            self.knowledge = knowledge
            self.isRevoked = isRevoked
        }
    }

    /// What is looked through lies together; an entry is touched only when it is meant.
    private struct Slots {
        var hashes: [UInt64]
        /// Zero where there is no entry.
        var lastUses: [UInt64]
        var entries: [Entry?]
        var uses: UInt64 = 0
        var hits: UInt64 = 0
        var misses: UInt64 = 0

        init(count: Int) {
            hashes = Array(repeating: 0, count: count)
            lastUses = Array(repeating: 0, count: count)
            entries = Array(repeating: nil, count: count)
        }

        /// A place without an entry is the first choice.
        func unusedLongest(in places: Range<Int>) -> Int {
            var oldest = places.lowerBound
            for index in places where lastUses[index] < lastUses[oldest] { oldest = index }
            return oldest
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
    func find(_ token: UnsafeRawBufferPointer, generation: UInt64, now: Int64) -> Answer {
        guard setsPerShard > 0, token.count >= 32 else { return .miss }
        let hash = hash(of: token)
        // Before the set is asked, so that what is applied meanwhile is asked about next time.
        let version = revocations.version
        return shard(hash).slots.withLock { slots in
            for index in places(hash) where slots.hashes[index] == hash {
                guard let entry = slots.entries[index], token.sameBytes(as: entry.token) else { continue }
                guard now < entry.identity.expiresAt * 1000 else {
                    slots.entries[index] = nil
                    slots.hashes[index] = 0
                    slots.lastUses[index] = 0
                    return .expired
                }
                guard entry.knowledge.keyGeneration == generation else { break }
                if entry.knowledge.revocationVersion != version {
                    entry.isRevoked = entry.isRevoked || revocations.isRevoked(entry.identity)
                    entry.knowledge.revocationVersion = version
                }
                slots.uses += 1
                slots.hits += 1
                slots.lastUses[index] = slots.uses
                return entry.isRevoked ? .revoked : .hit(entry.identity)
            }
            slots.misses += 1
            return .miss
        }
    }

    /// - Parameter bytes: those of `token`.
    func insert(
        _ token: String, _ bytes: UnsafeRawBufferPointer, _ identity: Identity, _ knowledge: Knowledge, isRevoked: Bool
    ) {
        guard setsPerShard > 0, bytes.count >= 32 else { return }
        let hash = hash(of: bytes)
        shard(hash).slots.withLock { slots in
            var place = slots.unusedLongest(in: places(hash))
            for index in places(hash) where slots.hashes[index] == hash {
                if let entry = slots.entries[index], bytes.sameBytes(as: entry.token) { place = index }
            }
            slots.uses += 1
            slots.hashes[place] = hash
            slots.lastUses[place] = slots.uses
            slots.entries[place] = Entry(token, identity, knowledge, isRevoked: isRevoked)
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
    private func hash(of token: UnsafeRawBufferPointer) -> UInt64 {
        let first = token.loadUnaligned(fromByteOffset: token.count - 24, as: UInt64.self)
        let second = token.loadUnaligned(fromByteOffset: token.count - 16, as: UInt64.self)
        let product = (first ^ seed).multipliedFullWidth(by: second ^ 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low
    }

    private func shard(_ hash: UInt64) -> Shard { shards[Int((hash & 0xFFFF) % UInt64(shards.count))] }

    private func places(_ hash: UInt64) -> Range<Int> {
        let start = Int((hash >> 16) % UInt64(setsPerShard)) * VerifiedTokenCache.ways
        return start..<(start + VerifiedTokenCache.ways)
    }
}
