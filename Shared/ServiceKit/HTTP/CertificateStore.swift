import Foundation
import Logging
import NIOSSL
import ServiceLifecycle
import Synchronization
import UnixSignals

/// The certificates a server shows, read again when their files change or the process gets SIGHUP. New connections get
/// the new ones; files that cannot be used leave the old in place.
final class CertificateStore: Service {
    private struct State {
        var context: NIOSSLContext
        var stamp: [String]
        var expiry: Int
    }

    private let settings: TLSSettings
    private let logger: Logger
    private let state: Mutex<State>

    /// - Throws: what is wrong with the files.
    init(_ settings: TLSSettings, logger: Logger, metrics: MetricsRegistry) throws {
        self.settings = settings
        self.logger = logger
        let stamp = CertificateStore.stamp(settings)
        let (context, expiry) = try CertificateStore.load(settings)
        state = Mutex(State(context: context, stamp: stamp, expiry: expiry))
        metrics.gauge(
            "tls_certificate_expiry_seconds", help: "When the server's certificate ends, since the epoch."
        ) { [weak self] in self.map { Double($0.state.withLock { $0.expiry }) } }
    }

    /// What the next connection gets.
    var context: NIOSSLContext { state.withLock { $0.context } }

    /// Looks at the files; call it as often as wished.
    func reload(force: Bool = false) {
        let stamp = CertificateStore.stamp(settings)
        guard force || state.withLock({ $0.stamp != stamp }) else { return }
        do {
            let (context, expiry) = try CertificateStore.load(settings)
            state.withLock { $0 = State(context: context, stamp: stamp, expiry: expiry) }
            logger.info("TLS certificates are read anew", metadata: ["file": "\(settings.certificateFile)"])
        } catch {
            // Remembered, so that the same broken files are told of once.
            state.withLock { $0.stamp = stamp }
            logger.error(
                "TLS certificates cannot be used, the old ones stay",
                metadata: ["file": "\(settings.certificateFile)", "error": "\(error)"])
        }
    }

    func run() async throws {
        try? await cancelWhenGracefulShutdown { [self] in
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    while (try? await Task.sleep(for: self.settings.reloadInterval)) != nil { self.reload() }
                }
                group.addTask {
                    for await _ in await UnixSignalsSequence(trapping: .sighup) { self.reload(force: true) }
                }
            }
        }
    }

    private static func load(_ settings: TLSSettings) throws -> (NIOSSLContext, expiry: Int) {
        let chain = try NIOSSLCertificate.fromPEMFile(settings.certificateFile)
        let key = try NIOSSLPrivateKey(file: settings.keyFile, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = settings.allowsTLS12 ? .tlsv12 : .tlsv13
        configuration.applicationProtocols = ["h2", "http/1.1"]
        switch settings.clientCertificates {
        case .none: break
        case .optional: configuration.certificateVerification = .optionalVerification
        case .required: configuration.certificateVerification = .noHostnameVerification
        }
        if settings.clientCertificates != .none, let file = settings.clientCAFile {
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(file))
        }
        return (try NIOSSLContext(configuration: configuration), chain.first.map { Int($0.notValidAfter) } ?? 0)
    }

    /// Changes when a file does: replaced, rewritten, or pointed elsewhere as mounted secrets are.
    private static func stamp(_ settings: TLSSettings) -> [String] {
        [settings.certificateFile, settings.keyFile, settings.clientCAFile ?? ""].map { path in
            var status = stat()
            guard stat(path, &status) == 0 else { return "none" }
            return "\(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
        }
    }
}
