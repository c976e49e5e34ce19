import CArgon2
import NIOPosix
import Synchronization

/// Why a password was not hashed.
enum PasswordHashingError: Error, Sendable, Equatable {
    /// Every thread is busy and the queue is full: nothing was computed. Seconds until trying again makes sense.
    case overloaded(retryAfter: Int)
    case failed(Int32)
}

/// Argon2id on threads of its own: a flood of sign-ins fills this queue and nothing else, so that refresh and
/// introspection go on at their speed.
final class PasswordHasher: Sendable {
    let parameters: Argon2Parameters
    private let threads: NIOThreadPool
    /// How many hashes are computed or wait.
    private let pending = Mutex(0)
    private let capacity: Int
    /// Stands in for the hash of a user who does not exist, at today's cost.
    private let decoy: PasswordHash

    /// - Parameters:
    ///   - threads: how many hashes are computed at a time.
    ///   - queue: how many more may wait.
    init(parameters: Argon2Parameters = .recommended, threads: Int, queue: Int) {
        self.parameters = parameters
        self.threads = NIOThreadPool(numberOfThreads: max(1, threads))
        capacity = max(1, threads) + max(0, queue)
        decoy = PasswordHash(
            parameters: parameters, salt: RandomID.bytes(PasswordHash.saltBytes),
            hash: RandomID.bytes(PasswordHash.hashBytes))
        self.threads.start()
    }

    func shutdown() async { try? await threads.shutdownGracefully() }

    /// Hashes computed or waiting at the moment.
    var load: Int { pending.withLock { $0 } }

    func hash(_ password: Password) async throws(PasswordHashingError) -> PasswordHash {
        let (salt, parameters) = (RandomID.bytes(PasswordHash.saltBytes), parameters)
        let hash = try await compute(password, salt, parameters, length: PasswordHash.hashBytes)
        return PasswordHash(parameters: parameters, salt: salt, hash: hash)
    }

    /// Checks a password; without a hash it does the same work and says no.
    func verify(_ password: Password, against stored: PasswordHash?) async throws(PasswordHashingError) -> Bool {
        let target = stored ?? decoy
        let hash = try await compute(password, target.salt, target.parameters, length: target.hash.count)
        return constantTimeEqual(hash, target.hash) && stored != nil
    }

    private func compute(
        _ password: Password, _ salt: [UInt8], _ parameters: Argon2Parameters, length: Int
    ) async throws(PasswordHashingError) -> [UInt8] {
        let admitted = pending.withLock { count in
            guard count < capacity else { return false }
            count += 1
            return true
        }
        guard admitted else { throw .overloaded(retryAfter: 2) }
        defer { pending.withLock { $0 -= 1 } }
        let result: Result<[UInt8], PasswordHashingError>
        do {
            result = try await threads.runIfActive { PasswordHasher.argon2id(password, salt, parameters, length) }
        } catch {
            // Only when the pool has been shut down.
            throw .overloaded(retryAfter: 5)
        }
        return try result.get()
    }

    /// Argon2id, RFC 9106, version 1.3. The copy of the password is wiped by libargon2, its memory too.
    private static func argon2id(
        _ password: Password, _ salt: [UInt8], _ parameters: Argon2Parameters, _ length: Int
    ) -> Result<[UInt8], PasswordHashingError> {
        var secret = password.bytes
        var salt = salt
        var output = [UInt8](repeating: 0, count: length)
        let code: Int32 = secret.withUnsafeMutableBufferPointer { secret in
            salt.withUnsafeMutableBufferPointer { salt in
                output.withUnsafeMutableBufferPointer { output in
                    var context = argon2_context()
                    context.out = output.baseAddress
                    context.outlen = UInt32(output.count)
                    context.pwd = secret.baseAddress
                    context.pwdlen = UInt32(secret.count)
                    context.salt = salt.baseAddress
                    context.saltlen = UInt32(salt.count)
                    context.t_cost = parameters.iterations
                    context.m_cost = parameters.memory
                    context.lanes = parameters.lanes
                    context.threads = parameters.lanes
                    context.version = UInt32(ARGON2_VERSION_13.rawValue)
                    // ARGON2_FLAG_CLEAR_PASSWORD, a macro that is not imported.
                    context.flags = 1
                    return argon2id_ctx(&context)
                }
            }
        }
        return code == ARGON2_OK.rawValue ? .success(output) : .failure(.failed(code))
    }
}
