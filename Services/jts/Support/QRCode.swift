import CQREncode

/// A QR code (ISO/IEC 18004) in a terminal: half blocks, two modules a character.
enum QRCode {
    /// - Returns: nil when `text` does not fit. Light modules are drawn, so that it reads on a dark background; the
    ///   quiet zone is part of it.
    static func terminal(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty, let code = QRcode_encodeData(Int32(bytes.count), bytes, 0, QR_ECLEVEL_M) else {
            return nil
        }
        defer { QRcode_free(code) }
        let width = Int(code.pointee.width)
        guard let modules = code.pointee.data else { return nil }
        func isDark(_ x: Int, _ y: Int) -> Bool {
            (0..<width).contains(x) && (0..<width).contains(y) && modules[y * width + x] & 1 == 1
        }
        let quiet = 4
        return stride(from: -quiet, to: width + quiet, by: 2).map { y in
            (-quiet..<(width + quiet)).map { x in
                switch (isDark(x, y), isDark(x, y + 1)) {
                case (false, false): "█"
                case (false, true): "▀"
                case (true, false): "▄"
                case (true, true): " "
                }
            }.joined()
        }.joined(separator: "\n")
    }
}
