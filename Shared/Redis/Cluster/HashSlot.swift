/// The slot of a key in a Redis Cluster: CRC16 (XMODEM) of the key, or of its hash tag, modulo 16,384.
///
/// https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model
package enum HashSlot {
    package static let count = 16_384

    package static func of(_ key: String) -> Int { of(utf8: Array(key.utf8)) }

    package static func of(utf8 key: [UInt8]) -> Int { Int(crc16(hashed(key))) % count }

    /// What stands between the first `{` and the next `}`; the whole key when that is nothing.
    private static func hashed(_ key: [UInt8]) -> ArraySlice<UInt8> {
        guard let open = key.firstIndex(of: UInt8(ascii: "{")),
            let close = key[(open + 1)...].firstIndex(of: UInt8(ascii: "}")), close > open + 1
        else { return key[...] }
        return key[(open + 1)..<close]
    }

    private static func crc16(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        bytes.reduce(0) { crc, byte in crc << 8 ^ table[Int(UInt8(crc >> 8) ^ byte)] }
    }

    private static let table: [UInt16] = (0..<256).map { index in
        (0..<8).reduce(UInt16(index) << 8) { crc, _ in crc & 0x8000 != 0 ? crc << 1 ^ 0x1021 : crc << 1 }
    }
}
