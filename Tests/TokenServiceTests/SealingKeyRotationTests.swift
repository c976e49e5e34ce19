import Database
import JOSE
import Logging
import Sealing
import TestSupport
import Testing

@testable import TokenService

/// The key that seals secrets at rest changes while the service works.
@Suite struct SealingKeyRotationTests {
    private let folder: TemporaryDirectory
    private let database: any Database
    private let keyFile: String
    private let sealer: Sealer
    private let rewrapping: Rewrapping

    init() async throws {
        let folder = try TemporaryDirectory("sealing")
        self.folder = folder
        keyFile = folder.file("keys")
        database = try await DatabaseFactory.open(
            url: "sqlite://\(folder.file("test.db"))", logger: Logger(label: "test"))
        try await Migrator.run(
            PeopleMigrations.all + SigningMigrations.all + RoleMigrations.all, component: "token-service", on: database)
        sealer = Sealer(try KeyEncryptionKeyRing.load(fromFile: keyFile, createIfMissing: true))
        rewrapping = Rewrapping(
            database: database, sealer: sealer, keyFile: keyFile, logger: Logger(label: "test"))
    }

    /// - Returns: the id of a signing key that stands sealed in the table.
    private func insertKey() async throws -> String {
        let key = try SigningKey.generate(.ES256)
        let store = KeyStore(database: database, sealer: sealer)
        try await database.write {
            try store.insert(key, KeyTimes(keyID: key.keyID, announcedAt: 1, activatesAt: 1), $0)
        }
        return key.keyID
    }

    @Test func everyValueMovesToThePromotedKeyAndStillOpens() async throws {
        var ids: Set<String> = []
        for _ in 0..<3 { ids.insert(try await insertKey()) }
        #expect(try await rewrapping.run() == 0)
        #expect(try await rewrapping.census() == ["k1": 3])

        try KeyEncryptionKeyRing.update(file: keyFile) { ring throws(SealingError) in try ring.adding(id: "k2") }
        #expect(try await rewrapping.run() == 0, "a key that is merely known seals nothing")
        try KeyEncryptionKeyRing.update(file: keyFile) { ring throws(SealingError) in try ring.promoting(id: "k2") }
        #expect(try await rewrapping.run() == 3)
        #expect(try await rewrapping.census() == ["k2": 3])

        try KeyEncryptionKeyRing.update(file: keyFile) { ring throws(SealingError) in try ring.removing(id: "k1") }
        _ = try await rewrapping.run()
        let store = KeyStore(database: database, sealer: sealer)
        let opened = try await store.all().map { try store.open($0).keyID }
        #expect(Set(opened) == ids)
    }

    /// A value that somebody seals anew while it is being re-wrapped keeps what was sealed last.
    @Test func aValueThatChangesMeanwhileIsNotOverwritten() async throws {
        let id = try await insertKey()
        try KeyEncryptionKeyRing.update(file: keyFile) { ring throws(SealingError) in
            try ring.adding(id: "k2").promoting(id: "k2")
        }
        sealer.use(try KeyEncryptionKeyRing.load(fromFile: keyFile, createIfMissing: false))
        let newer = try sealer.seal([1, 2, 3], context: KeyStore.context(id))
        try await database.execute("UPDATE signing_keys SET sealed = ? WHERE kid = ?", [.blob(newer), .text(id)])
        #expect(try await rewrapping.run() == 0)
        let row = try #require(try await database.query("SELECT sealed FROM signing_keys").first)
        #expect(try row.blob("sealed") == newer)
    }

    @Test func aMissingKeyFileLeavesEverythingAsItIs() async throws {
        _ = try await insertKey()
        let lost = Rewrapping(
            database: database, sealer: sealer, keyFile: folder.file("nowhere"), logger: Logger(label: "test"))
        await #expect(throws: SealingError.self) { try await lost.run() }
        #expect(try await rewrapping.census() == ["k1": 1])
    }
}
