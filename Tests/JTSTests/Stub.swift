import Foundation
import TestSupport

/// `stub.py`, running: token-service as far as `jts` talks to it.
struct Stub {
    let process: ChildProcess
    let port: String

    init(_ certificates: TestCertificates? = nil) async throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("stub.py")
        let process = try ChildProcess(
            "python3", [script.path] + (certificates.map { [$0.certificate, $0.key] } ?? []))
        self.process = process
        port = try await eventuallyValue("the stub's port", within: .seconds(20)) {
            process.output.hasSuffix("\n") ? process.output.trimmingCharacters(in: .newlines) : nil
        }
    }
}
