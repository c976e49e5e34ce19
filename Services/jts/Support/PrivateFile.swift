import Foundation

/// A file with secrets: nobody but its owner may read or write it.
enum PrivateFile {
    enum Fault: Error {
        case missing
        /// Others can read it, or it is no plain file of at most 1 MiB.
        case unfit(String)
    }

    private static let maximumBytes = 1 << 20

    /// - Parameter followsLinks: false where a link in the file's place would be somebody's trick.
    static func read(_ path: String, followsLinks: Bool) throws(Fault) -> [UInt8] {
        // Without O_NONBLOCK a pipe in the file's place would hold the command up.
        let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (followsLinks ? 0 : O_NOFOLLOW)
        let descriptor = open(path, flags)
        guard descriptor >= 0 else { throw .missing }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .unfit("\(path) is not a plain file")
        }
        guard status.st_mode & 0o077 == 0 else { throw .unfit("\(path) can be read by others") }
        guard status.st_size <= maximumBytes else { throw .unfit("\(path) is too long") }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        guard let data = try? handle.read(upToCount: maximumBytes) else { return [] }
        return [UInt8](data)
    }
}
