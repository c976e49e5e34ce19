import Crypto

/// The keys under which data keys are wrapped: several to open with, one of them to seal with.
///
/// Besides them the ring holds a root secret from which other keys are derived. Rotation changes the wrapping keys and
/// never the root, so that what was derived (a MAC key of live sessions) stays what it was.
package struct KeyEncryptionKeyRing: Sendable {
    /// Names the key that seals.
    package let primaryID: String
    let keys: [String: SymmetricKey]
    let root: SymmetricKey

    init(primaryID: String, keys: [String: SymmetricKey], root: SymmetricKey) throws(SealingError) {
        guard keys[primaryID] != nil, keys.keys.allSatisfy(Self.isValid(id:)) else { throw .keyRefused }
        self.primaryID = primaryID
        self.keys = keys
        self.root = root
    }

    /// A ring with one random 256-bit key and a random root.
    package static func generate(id: String = "k1") throws(SealingError) -> KeyEncryptionKeyRing {
        try KeyEncryptionKeyRing(
            primaryID: id, keys: [id: SymmetricKey(size: .bits256)], root: SymmetricKey(size: .bits256))
    }

    package var keyIDs: [String] { keys.keys.sorted() }

    /// Adds a random key that opens but does not yet seal: every replica must know it first.
    package func adding(id: String) throws(SealingError) -> KeyEncryptionKeyRing {
        guard keys[id] == nil else { throw .keyRefused }
        var keys = keys
        keys[id] = SymmetricKey(size: .bits256)
        return try KeyEncryptionKeyRing(primaryID: primaryID, keys: keys, root: root)
    }

    /// Seals with `id` from now on.
    package func promoting(id: String) throws(SealingError) -> KeyEncryptionKeyRing {
        try KeyEncryptionKeyRing(primaryID: id, keys: keys, root: root)
    }

    /// Forgets a key, once nothing is wrapped under it. The primary stays.
    package func removing(id: String) throws(SealingError) -> KeyEncryptionKeyRing {
        guard id != primaryID, keys[id] != nil else { throw .keyRefused }
        var keys = keys
        keys[id] = nil
        return try KeyEncryptionKeyRing(primaryID: primaryID, keys: keys, root: root)
    }

    /// Ids stand in sealed values and in the file: 1 to 32 letters, digits, `.`, `_` or `-`.
    static func isValid(id: String) -> Bool {
        (1...32).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

extension KeyEncryptionKeyRing: CustomStringConvertible, CustomReflectable {
    package var description: String { "KeyEncryptionKeyRing(\(keyIDs.joined(separator: ", ")), primary \(primaryID))" }
    package var customMirror: Mirror { Mirror(self, children: ["primaryID": primaryID]) }
}
