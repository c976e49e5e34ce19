#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension KeyEncryptionKeyRing {
    /// Reads the ring from a file that belongs to this process' user and that nobody else may read.
    ///
    /// A missing file is made when `createIfMissing`: with one random key, whole or not at all, and on the disk before
    /// this returns. When several processes do so at once, all use the ring of the first.
    package static func load(fromFile path: String, createIfMissing: Bool) throws(SealingError) -> KeyEncryptionKeyRing
    {
        do throws(SealingError) {
            return try KeyRingFile.read(path)
        } catch .keyFileMissing where createIfMissing {
            try KeyRingFile.create(path, try generate())
            return try KeyRingFile.read(path)
        }
    }

    /// Changes the ring in the file, one process at a time, and returns what it is now. Readers see the old ring or
    /// the new one, whole.
    @discardableResult
    package static func update(
        file path: String, _ change: (KeyEncryptionKeyRing) throws(SealingError) -> KeyEncryptionKeyRing
    ) throws(SealingError) -> KeyEncryptionKeyRing {
        let folder = try KeyRingFile.openFolder(of: path)
        defer { close(folder) }
        guard flock(folder, LOCK_EX) == 0 else { throw .keyFileInaccessible(errno: errno) }
        let ring = try change(try KeyRingFile.read(path))
        try KeyRingFile.replace(path, ring, folder: folder)
        return ring
    }
}

/// The file system's side of a key ring.
enum KeyRingFile {
    private static let maxBytes = 65_536

    static func read(_ path: String) throws(SealingError) -> KeyEncryptionKeyRing {
        // A symbolic link could lead to a file of somebody else's choosing; a pipe could block for ever.
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT: throw .keyFileMissing
            case ELOOP: throw .keyFileExposed
            default: throw .keyFileInaccessible(errno: errno)
            }
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .keyFileInaccessible(errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 == 0, status.st_uid == geteuid() else {
            throw .keyFileExposed
        }
        guard status.st_size <= maxBytes else { throw .keyFileMalformed(line: 1) }
        var bytes = [UInt8](repeating: 0, count: maxBytes)
        defer { wipe(&bytes) }
        var count = 0
        while count < bytes.count {
            let capacity = bytes.count - count
            let got = bytes.withUnsafeMutableBytes { buffer in
                // `count` is below the buffer's, so there is a base address.
                buffer.baseAddress.map { readBytes(descriptor, $0 + count, capacity) } ?? 0
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw .keyFileInaccessible(errno: errno) }
            if got == 0 { break }
            count += got
        }
        var content = Array(bytes[..<count])
        defer { wipe(&content) }
        return try KeyRingFormat.decode(content)
    }

    /// Puts the ring where no file is yet; leaves one that another process put there first.
    static func create(_ path: String, _ ring: KeyEncryptionKeyRing) throws(SealingError) {
        let folder = try openFolder(of: path)
        defer { close(folder) }
        let temporary = try writeTemporary(path, ring)
        defer { unlink(temporary) }
        // Unlike rename(2), link(2) never replaces.
        guard link(temporary, path) == 0 || errno == EEXIST else { throw .keyFileInaccessible(errno: errno) }
        guard fsync(folder) == 0 else { throw .keyFileInaccessible(errno: errno) }
    }

    static func replace(_ path: String, _ ring: KeyEncryptionKeyRing, folder: Int32) throws(SealingError) {
        let temporary = try writeTemporary(path, ring)
        guard rename(temporary, path) == 0 else {
            let code = errno
            unlink(temporary)
            throw .keyFileInaccessible(errno: code)
        }
        guard fsync(folder) == 0 else { throw .keyFileInaccessible(errno: errno) }
    }

    static func openFolder(of path: String) throws(SealingError) -> Int32 {
        let folder: String
        switch path.lastIndex(of: "/") {
        case path.startIndex?: folder = "/"
        case let index?: folder = String(path[..<index])
        case nil: folder = "."
        }
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .keyFileInaccessible(errno: errno) }
        return descriptor
    }

    /// A file beside `path`, mode 0600, complete and on the disk.
    private static func writeTemporary(
        _ path: String, _ ring: KeyEncryptionKeyRing
    ) throws(SealingError) -> String {
        let temporary = "\(path).\(getpid()).\(UInt64.random(in: 0 ... .max))"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .keyFileInaccessible(errno: errno) }
        var bytes = KeyRingFormat.encode(ring)
        defer { wipe(&bytes) }
        var failure: Int32 = writeAll(bytes, to: descriptor)
        if failure == 0, fsync(descriptor) != 0 { failure = errno }
        if close(descriptor) != 0, failure == 0 { failure = errno }
        guard failure == 0 else {
            unlink(temporary)
            throw .keyFileInaccessible(errno: failure)
        }
        return temporary
    }

    /// Returns 0 or the error number.
    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let written = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written < 0 {
                    if errno == EINTR { continue }
                    return errno
                }
                rest = rest.dropFirst(written)
            }
            return 0
        }
    }
}

/// read(2), by a name that the enclosing type's own `read` does not hide.
private func readBytes(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}
