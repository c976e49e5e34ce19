import Foundation

/// A certificate authority and a server certificate for 127.0.0.1 and localhost, made by `openssl` for one test.
package final class TestCertificates: Sendable {
    private let folder: TemporaryDirectory

    package var authority: String { folder.file("ca.crt") }
    package var certificate: String { folder.file("server.crt") }
    package var key: String { folder.file("server.key") }

    /// Makes a certificate of the same authority, for a client of that name.
    package func client(_ name: String) async throws -> (file: String, key: String) {
        let (file, key) = (folder.file("\(name).crt"), folder.file("\(name).key"))
        try await ChildProcess.check(
            "openssl",
            [
                "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=\(name)",
                "-keyout", key, "-out", folder.file("\(name).csr"),
            ])
        let extensions = try folder.write("extendedKeyUsage=clientAuth\n", to: "\(name).extensions")
        try await ChildProcess.check(
            "openssl",
            [
                "x509", "-req", "-in", folder.file("\(name).csr"), "-CA", authority, "-CAkey", folder.file("ca.key"),
                "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", file,
            ])
        return (file, key)
    }

    package init() async throws {
        folder = try TemporaryDirectory("jts-certificates")
        func openssl(_ arguments: [String]) async throws { try await ChildProcess.check("openssl", arguments) }
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        try await openssl(
            ["req", "-x509"] + curve + [
                "-days", "2", "-subj", "/CN=test authority", "-addext", "basicConstraints=critical,CA:TRUE", "-keyout",
                folder.file("ca.key"), "-out", authority,
            ])
        try await openssl(
            ["req"] + curve + ["-subj", "/CN=localhost", "-keyout", key, "-out", folder.file("server.csr")])
        let extensions = try folder.write(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n", to: "extensions")
        try await openssl([
            "x509", "-req", "-in", folder.file("server.csr"), "-CA", authority, "-CAkey", folder.file("ca.key"),
            "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certificate,
        ])
    }
}
