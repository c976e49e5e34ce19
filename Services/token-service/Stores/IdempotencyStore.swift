import Crypto
import JOSE
import Redis
import Sealing
import StrictJSON

/// Answers of writes that a client may repeat under an `Idempotency-Key`, kept for a day. They carry secrets that are
/// shown once: they are sealed, and open only for the same caller, route, key and request.
struct IdempotencyStore: Sendable {
    /// Milliseconds.
    static let life: Int64 = 86_400_000
    /// Milliseconds after which a request that never ended may be tried again.
    static let pending: Int64 = 60_000

    struct Answer: Sendable, Equatable {
        var status: Int
        var location: String?
        var body: JSONValue
    }

    enum Fault: Error, Sendable, Equatable {
        /// The first request under the key is not answered yet.
        case inProgress
        /// The key came with another request before.
        case reused
        /// It was answered, and the key that sealed the answer has been removed since.
        case unreadable
    }

    let redis: RedisClient
    let sealer: Sealer
    let key: SymmetricKey

    init(redis: RedisClient, sealer: Sealer) {
        self.redis = redis
        self.sealer = sealer
        key = sealer.derive(label: "idempotency")
    }

    /// Runs `body`, or answers as it was answered under the same key before. A failure is not kept.
    func once(
        _ given: String?, caller: String, route: String, request: JSONValue, _ body: () async throws -> Answer
    ) async throws -> Answer {
        guard let given else { return try await body() }
        let name = "ts:idem:\(RandomID.digest([caller, route, given].joined(separator: "\n")))"
        // A MAC: a request may hold a password, of which Redis shall not even hold a digest.
        let mark = Base64URL.encode(Array(HMAC<SHA256>.authenticationCode(for: request.encoded(), using: key)))
        let waiting = "pending:\(mark)"
        let reserved = try await redis.send(
            ["SET", .string(name), .string(waiting), "NX", "PX", .milliseconds(IdempotencyStore.pending)], key: name)
        guard reserved != .null else { return try await kept(name, waiting: waiting, mark: mark) }
        let answer: Answer
        do {
            answer = try await body()
        } catch {
            _ = try? await redis.send(["DEL", .string(name)], key: name, retry: .ifIdempotent)
            throw error
        }
        // The write stands whether or not the answer can be kept.
        if let sealed = try? sealer.seal(answer.encoded(mark: mark), context: name) {
            _ = try? await redis.send(
                ["SET", .string(name), .bytes(sealed), "PX", .milliseconds(IdempotencyStore.life)], key: name,
                retry: .ifIdempotent)
        }
        return answer
    }

    private func kept(_ name: String, waiting: String, mark: String) async throws -> Answer {
        let reply = try await redis.send(["GET", .string(name)], key: name, retry: .ifIdempotent)
        guard let bytes = reply.bytes else { throw Fault.inProgress }
        if bytes.starts(with: Array("pending:".utf8)) {
            throw constantTimeEqual(bytes, Array(waiting.utf8)) ? Fault.inProgress : Fault.reused
        }
        guard let opened = try? sealer.open(bytes, context: name) else { throw Fault.unreadable }
        let json = try JSONValue(parsing: opened)
        guard json["mark"]?.string == mark else { throw Fault.reused }
        guard let status = json["status"]?.int, let body = json["body"] else { throw Fault.inProgress }
        return Answer(status: Int(status), location: json["location"]?.string, body: body)
    }
}

extension IdempotencyStore.Answer {
    fileprivate func encoded(mark: String) -> [UInt8] {
        let json: JSONValue = [
            "mark": .string(mark), "status": .int(Int64(status)), "location": location.map(JSONValue.string) ?? .null,
            "body": body,
        ]
        return json.encoded()
    }
}
