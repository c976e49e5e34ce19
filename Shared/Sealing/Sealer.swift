import Crypto
import Foundation
import Synchronization

/// Envelope encryption of what is stored: every value under a data key of its own, that key wrapped under the ring's
/// primary key, both by AES-256-GCM (NIST SP 800-38D) and bound to the context in which the value stands.
///
/// The context says what the value is and whose, such as `totp:{user id}`: a value copied to another row does not open.
/// Nonces are random: for one wrapping key, up to 2^32 values keep the chance of a repetition below 2^-32 (SP 800-38D,
/// section 8.3); data keys are used once.
package struct Sealer: Sendable {
    /// Shared by copies of the sealer, so that a new ring reaches all who hold one.
    private final class Storage: Sendable {
        let ring: Mutex<KeyEncryptionKeyRing>
        init(_ ring: KeyEncryptionKeyRing) { self.ring = Mutex(ring) }
    }

    private let storage: Storage

    package init(_ ring: KeyEncryptionKeyRing) { storage = Storage(ring) }

    /// Goes over to a changed ring, in every copy of this sealer, while it is in use.
    package func use(_ ring: KeyEncryptionKeyRing) { storage.ring.withLock { $0 = ring } }

    private var ring: KeyEncryptionKeyRing { storage.ring.withLock { $0 } }

    package func seal(_ plaintext: [UInt8], context: String) throws(SealingError) -> [UInt8] {
        let ring = ring
        let dataKey = SymmetricKey(size: .bits256)
        let data = try Self.encrypt(
            plaintext, under: dataKey, binding: SealedBlob.dataAssociatedData(context: context))
        return SealedBlob(
            keyID: ring.primaryID, wrappedKey: try Self.wrap(dataKey, ring, context: context)[...], data: data[...]
        ).bytes
    }

    /// - Throws: `.cannotOpen`, whatever the reason.
    package func open(_ sealed: [UInt8], context: String) throws(SealingError) -> [UInt8] {
        guard let blob = SealedBlob(parsing: sealed) else { throw .cannotOpen }
        let dataKey = try Self.unwrap(blob, ring, context: context)
        var plaintext = try Self.decrypt(
            blob.data, under: dataKey, binding: SealedBlob.dataAssociatedData(context: context))
        defer { wipe(&plaintext) }
        return [UInt8](plaintext)
    }

    /// Whether the value is wrapped under another key than the one that seals now.
    package func needsRewrap(_ sealed: [UInt8]) -> Bool {
        guard let blob = SealedBlob(parsing: sealed) else { return false }
        return blob.keyID != ring.primaryID
    }

    /// Wraps the data key under the primary key and leaves the encrypted data as it is, unopened.
    package func rewrap(_ sealed: [UInt8], context: String) throws(SealingError) -> [UInt8] {
        guard var blob = SealedBlob(parsing: sealed) else { throw .cannotOpen }
        let ring = ring
        let dataKey = try Self.unwrap(blob, ring, context: context)
        blob.wrappedKey = try Self.wrap(dataKey, ring, context: context)[...]
        blob.keyID = ring.primaryID
        return blob.bytes
    }

    /// Names the key under which a value is wrapped, for those who look after the ring.
    package static func keyID(of sealed: [UInt8]) -> String? { SealedBlob(parsing: sealed)?.keyID }

    /// A 256-bit key for the purpose that `label` names, by HKDF-SHA-256 (RFC 5869) from the ring's root secret.
    ///
    /// Depends on nothing but the root and the label: it stays the same when wrapping keys are added, promoted or removed.
    package func derive(label: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: ring.root, salt: Array("jts-sealing".utf8), info: Array("derive 1 \(label)".utf8),
            outputByteCount: 32)
    }

    // MARK: -

    private static func wrap(
        _ dataKey: SymmetricKey, _ ring: KeyEncryptionKeyRing, context: String
    ) throws(SealingError) -> [UInt8] {
        guard let key = ring.keys[ring.primaryID] else { throw .keyRefused }
        var plain = dataKey.withUnsafeBytes { [UInt8]($0) }
        defer { wipe(&plain) }
        return try encrypt(
            plain, under: key,
            binding: SealedBlob.wrapAssociatedData(keyID: ring.primaryID, context: context))
    }

    private static func unwrap(
        _ blob: SealedBlob, _ ring: KeyEncryptionKeyRing, context: String
    ) throws(SealingError) -> SymmetricKey {
        guard let key = ring.keys[blob.keyID] else { throw .cannotOpen }
        var plain = try decrypt(
            blob.wrappedKey, under: key,
            binding: SealedBlob.wrapAssociatedData(keyID: blob.keyID, context: context))
        defer { wipe(&plain) }
        return SymmetricKey(data: plain)
    }

    /// Nonce, ciphertext and tag, one after the other.
    private static func encrypt(
        _ plaintext: [UInt8], under key: SymmetricKey, binding associatedData: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        guard let box = try? AES.GCM.seal(plaintext, using: key, authenticating: associatedData),
            let combined = box.combined
        else { throw .keyRefused }
        return [UInt8](combined)
    }

    private static func decrypt(
        _ combined: ArraySlice<UInt8>, under key: SymmetricKey, binding associatedData: [UInt8]
    ) throws(SealingError) -> Data {
        guard let box = try? AES.GCM.SealedBox(combined: combined),
            let plaintext = try? AES.GCM.open(box, using: key, authenticating: associatedData)
        else { throw .cannotOpen }
        return plaintext
    }
}
