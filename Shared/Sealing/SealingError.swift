/// Why sealing did not happen. Nothing here tells what a sealed value holds or in which way it is wrong.
package enum SealingError: Error, Sendable, Equatable {
    /// The sealed value was not opened: wrong context, unknown key, damaged or forged. Which one is not told.
    case cannotOpen
    /// There is no key file and none was to be made.
    case keyFileMissing
    /// Somebody else owns the key file or may read it, or it is not a regular file.
    case keyFileExposed
    /// The key file cannot be read or written.
    case keyFileInaccessible(errno: Int32)
    /// The key file is not a key ring.
    case keyFileMalformed(line: Int)
    /// A change of the ring that would make it unusable.
    case keyRefused
}

extension SealingError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .cannotOpen: "the sealed value cannot be opened"
        case .keyFileMissing: "the key file does not exist"
        case .keyFileExposed: "the key file must be a regular file of this user with mode 0600"
        case .keyFileInaccessible(let code): "the key file cannot be used (errno \(code))"
        case .keyFileMalformed(let line): "the key file is malformed in line \(line)"
        case .keyRefused: "the change of the key ring is refused"
        }
    }
}
