import Database
import EventBus
import Foundation
import StrictJSON

/// Makes somebody who can sign in at all: on the first start, once.
enum FirstAdministrator {
    static let username = "admin"
    static let role = "admin"

    struct Fault: Error, CustomStringConvertible { let description: String }

    /// Creates `admin` with a random password when there are no users yet, and leaves the credentials in `file`, which
    /// only its owner may read. Password change and second factor are due at the first sign-in.
    /// - Returns: whether an administrator was made.
    @discardableResult
    static func ensure(_ platform: Platform, file: String) async throws -> Bool {
        let parameters = Argon2Parameters(
            memory: UInt32(platform.configuration.argonMemoryKiB),
            iterations: UInt32(platform.configuration.argonIterations), lanes: 1)
        let made = try await ensure(
            platform.database, platform.outbox, platform.catalogue, parameters, Act(actor: nil, at: platform.clock()),
            file: file)
        if made { platform.logger.notice("first administrator made", metadata: ["file": "\(file)"]) }
        return made
    }

    static func ensure(
        _ database: any Database, _ outbox: SQLOutbox, _ catalogue: RoleBook, _ parameters: Argon2Parameters,
        _ act: Act, file: String
    ) async throws -> Bool {
        guard try await database.query("SELECT 1 AS one FROM users LIMIT 1").isEmpty else { return false }
        let text = Password.random()
        guard let password = Password(text) else { return false }
        let hash = try await hash(password, parameters)
        let new = UserStore.New(
            username: username, usernameKey: username, roles: [role], password: hash, passwordIsShort: false,
            mustChangePassword: true, enrolmentForced: true)
        return try await unlessMade {
            try await database.change { connection in
                guard try connection.query("SELECT 1 AS one FROM users LIMIT 1").isEmpty else { return false }
                try UserStore.insert(
                    new, catalogue: catalogue.catalogue(connection), outbox: outbox, act, connection)
                // Before the commit: an administrator whose password nobody has would lock everybody out.
                try write(["username": .string(username), "password": .string(text)], to: file)
                return true
            }
        }
    }

    /// Another replica may have come first.
    private static func unlessMade(_ body: () async throws -> Bool) async throws -> Bool {
        do {
            return try await body()
        } catch let error as DatabaseError where error.isUniqueViolation { return false }
    }

    private static func hash(_ password: Password, _ parameters: Argon2Parameters) async throws -> PasswordHash {
        let hasher = PasswordHasher(parameters: parameters, threads: 1, queue: 0)
        do {
            let hash = try await hasher.hash(password)
            await hasher.shutdown()
            return hash
        } catch {
            await hasher.shutdown()
            throw error
        }
    }

    private static func write(_ value: JSONValue, to file: String) throws {
        let directory = (file as NSString).deletingLastPathComponent
        if !directory.isEmpty {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        // A file of its own with the right mode from the start; what was left by an attempt that failed is replaced.
        unlink(file)
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Fault(description: "\(file): cannot be created") }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: Data(value.encoded() + [10]))
        try handle.synchronize()
        try handle.close()
    }
}
