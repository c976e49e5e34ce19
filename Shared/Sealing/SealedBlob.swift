/// The parts of a sealed value:
///
///     version 1 (1 byte) | length of key id (1) | key id | wrapped data key: nonce (12), ciphertext (32), tag (16)
///                        | data: nonce (12), ciphertext, tag (16)
struct SealedBlob {
    static let version: UInt8 = 1
    static let wrappedLength = 12 + 32 + 16
    static let overhead = 12 + 16

    var keyID: String
    var wrappedKey: ArraySlice<UInt8>
    var data: ArraySlice<UInt8>

    init(keyID: String, wrappedKey: ArraySlice<UInt8>, data: ArraySlice<UInt8>) {
        self.keyID = keyID
        self.wrappedKey = wrappedKey
        self.data = data
    }

    init?(parsing bytes: [UInt8]) {
        guard bytes.count >= 2, bytes[0] == Self.version else { return nil }
        let idEnd = 2 + Int(bytes[1])
        let wrapEnd = idEnd + Self.wrappedLength
        guard bytes.count >= wrapEnd + Self.overhead else { return nil }
        let id = String(decoding: bytes[2..<idEnd], as: UTF8.self)
        guard KeyEncryptionKeyRing.isValid(id: id) else { return nil }
        self.init(keyID: id, wrappedKey: bytes[idEnd..<wrapEnd], data: bytes[wrapEnd...])
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = [Self.version, UInt8(keyID.utf8.count)]
        bytes.reserveCapacity(2 + keyID.utf8.count + wrappedKey.count + data.count)
        bytes.append(contentsOf: keyID.utf8)
        bytes.append(contentsOf: wrappedKey)
        bytes.append(contentsOf: data)
        return bytes
    }

    /// What the wrapping of a data key is bound to: version, key id and context.
    static func wrapAssociatedData(keyID: String, context: String) -> [UInt8] {
        [version, UInt8(ascii: "w"), UInt8(keyID.utf8.count)] + Array(keyID.utf8) + Array(context.utf8)
    }

    /// What the data is bound to: version and context. Not the key id, for re-wrapping must leave the data alone; the
    /// data key, which exists for this value only, ties the two together.
    static func dataAssociatedData(context: String) -> [UInt8] {
        [version, UInt8(ascii: "d")] + Array(context.utf8)
    }
}
