import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Overwrites secret bytes in a way that the compiler does not leave out. Copies that Swift made elsewhere are not
/// reached, which is why keys live in `SymmetricKey`, which wipes itself.
func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes(wipe)
}

func wipe(_ data: inout Data) {
    data.withUnsafeMutableBytes(wipe)
}

private func wipe(_ buffer: UnsafeMutableRawBufferPointer) {
    guard let base = buffer.baseAddress else { return }
    #if canImport(Glibc)
        explicit_bzero(base, buffer.count)
    #else
        _ = memset_s(base, buffer.count, 0, buffer.count)
    #endif
}
