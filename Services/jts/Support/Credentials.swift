import Foundation
import StrictJSON

/// Who is signed in where: kept under `$XDG_CONFIG_HOME/jts` (or `~/.config/jts`) in a file that only its owner reads.
struct Credentials {
    var url: String
    var refreshToken: String
    /// PEM file with the authorities that sign the service's certificate; nil for the system's.
    var caFile: String?

    private static var folder: String {
        let environment = ProcessInfo.processInfo.environment
        // The XDG base directory specification asks to ignore relative paths.
        if let base = environment["XDG_CONFIG_HOME"], base.hasPrefix("/") { return base + "/jts" }
        return (environment["HOME"] ?? NSHomeDirectory()) + "/.config/jts"
    }
    private static var file: String { folder + "/credentials.json" }

    static func load() throws -> Credentials {
        let bytes: [UInt8]
        do { bytes = try PrivateFile.read(file, followsLinks: false) } catch {
            switch error {
            case .missing: throw CommandFault.notSignedIn()
            case .unfit(let reason): throw CommandFault.refused("\(reason); remove it and sign in again")
            }
        }
        guard let json = try? JSONValue(parsing: bytes), let url = json["url"]?.string,
            let token = json["refresh_token"]?.string
        else { throw CommandFault.notSignedIn() }
        return Credentials(url: url, refreshToken: token, caFile: json["ca_file"]?.string)
    }

    /// Replaces the file as a whole: a reader sees the old one or the new one.
    func save() throws {
        try FileManager.default.createDirectory(
            atPath: Self.folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let temporary = Self.file + ".\(getpid())"
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CommandFault.refused("cannot write \(temporary)") }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var fields: JSONObject = ["url": .string(url), "refresh_token": .string(refreshToken)]
        fields["ca_file"] = caFile.map(JSONValue.string)
        try handle.write(contentsOf: Data(JSONValue.object(fields).encoded()))
        try handle.synchronize()
        try handle.close()
        guard rename(temporary, Self.file) == 0 else { throw CommandFault.refused("cannot write \(Self.file)") }
    }

    static func remove() { unlink(file) }

    /// Runs `body` while no other `jts` of this user refreshes: a refresh token counts once.
    static func locked<T>(_ body: () async throws -> T) async throws -> T {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let descriptor = open(folder + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CommandFault.refused("cannot write \(folder)") }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 { try await Task.sleep(for: .milliseconds(20)) }
        return try await body()
    }
}
