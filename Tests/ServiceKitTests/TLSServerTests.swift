import AsyncHTTPClient
import Foundation
import Hummingbird
import NIOCore
import NIOSSL
import Testing
import TestSupport

@testable import ServiceKit

/// TLS, with the certificates of the moment, and HTTP/2 over it.
@Suite(.serialized) struct TLSServerTests {
    private func settings(
        _ certificates: TestCertificates, _ adjust: @escaping (inout TLSSettings) -> Void = { _ in }
    ) -> (inout HTTPServerSettings) -> Void {
        var tls = TLSSettings(certificateFile: certificates.certificate, keyFile: certificates.key)
        tls.reloadInterval = .milliseconds(50)
        adjust(&tls)
        return { $0.tls = tls }
    }

    private func client(_ authority: String, _ adjust: (inout TLSConfiguration) -> Void = { _ in }) throws
        -> NIOSSLContext
    {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(authority)
        adjust(&configuration)
        return try NIOSSLContext(configuration: configuration)
    }

    private func ask(_ server: RunningServer, _ context: NIOSSLContext, _ path: String = "/a") async throws -> String {
        let connection = try await server.connect(tls: context)
        connection.offer("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        try await connection.closed()
        return connection.received
    }

    @Test func speaksTLS13Alone() async throws {
        let certificates = try await TestCertificates()
        try await withServer(settings(certificates)) { server in
            #expect(try await ask(server, try client(certificates.authority)).contains("hello /a"))
            let old = try client(certificates.authority) { $0.maximumTLSVersion = .tlsv12 }
            #expect(try await ask(server, old).isEmpty)
            #expect(server.metric("tls_certificate_expiry_seconds") > Date().timeIntervalSince1970)
            // Plain text is no handshake.
            let plain = try await server.connect()
            try await plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            try await plain.closed()
            #expect(!plain.received.contains("HTTP/1.1"))
        }
    }

    @Test func aHandshakeThatStallsIsCutOff() async throws {
        let certificates = try await TestCertificates()
        let tls = settings(certificates)
        try await withServer {
            tls(&$0)
            $0.headerTimeout = .milliseconds(300)
        } _: { server in
            let silent = try await server.connect()
            try await silent.closed()
        }
    }

    @Test func newCertificatesAreTakenUpAndBrokenOnesAreNot() async throws {
        let first = try await TestCertificates()
        let second = try await TestCertificates()
        let folder = try TemporaryDirectory()
        func install(_ certificates: TestCertificates) throws {
            let (key, certificate) = try (
                String(contentsOfFile: certificates.key, encoding: .utf8),
                String(contentsOfFile: certificates.certificate, encoding: .utf8)
            )
            try folder.write(key, to: "server.key")
            try folder.write(certificate, to: "server.crt")
        }
        try install(first)
        let tls = TLSSettings(
            certificateFile: folder.file("server.crt"), keyFile: folder.file("server.key"),
            reloadInterval: .milliseconds(30))
        try await withServer {
            $0.tls = tls
        } _: { server in
            let kept = try await server.connect(tls: try client(first.authority))
            try await kept.send("GET /kept HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await kept.receives("hello /kept")
            try install(second)
            try await eventually("the new certificate") {
                try await ask(server, try client(second.authority)).contains("hello /a")
            }
            #expect(try await ask(server, try client(first.authority)).isEmpty)
            // Connections that were there go on.
            try await kept.send("GET /again HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await kept.receives("hello /again")
            try folder.write("nonsense", to: "server.crt")
            try await Task.sleep(for: .milliseconds(200))
            #expect(try await ask(server, try client(second.authority)).contains("hello /a"))
        }
    }

    @Test func certificatesThatCannotBeUsedFailTheStart() async throws {
        let certificates = try await TestCertificates()
        await #expect(throws: (any Error).self) {
            _ = try await RunningServer {
                $0.tls = TLSSettings(certificateFile: certificates.key, keyFile: "/nonexistent")
            }
        }
    }

    @Test func clientsAreKnownByTheirCertificates() async throws {
        let certificates = try await TestCertificates()
        let strangers = try await TestCertificates()
        let responder = CallbackResponder { (_: Request, context: ChannelContext) in
            let thumbprint = PeerCertificates.shared.thumbprint(of: context.channel)
            return Response(
                status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "<\(thumbprint ?? "none")>")))
        }
        func identified(by owner: TestCertificates) throws -> NIOSSLContext {
            try client(certificates.authority) {
                $0.certificateChain =
                    (try? NIOSSLCertificate.fromPEMFile(owner.certificate).map { .certificate($0) }) ?? []
                $0.privateKey = (try? NIOSSLPrivateKey(file: owner.key, format: .pem)).map { .privateKey($0) }
            }
        }
        let digest = try await ChildProcess.check(
            "bash",
            [
                "-c",
                "openssl x509 -in \(certificates.certificate) -outform DER | openssl dgst -sha256 -binary"
                    + " | basenc --base64url -w0",
            ])
        let expected = digest.filter { $0 != "=" }
        for mode in [TLSSettings.ClientCertificates.optional, .required] {
            let tls = settings(certificates) {
                $0.clientCertificates = mode
                $0.clientCAFile = certificates.authority
            }
            let server = try await RunningServer(tls, responder: responder)
            try await using(server) { server in
                #expect(try await ask(server, try identified(by: certificates)).contains("<\(expected)>"))
                let anonymous = try await ask(server, try client(certificates.authority))
                #expect(anonymous.contains("<none>") == (mode == .optional))
                #expect(try await ask(server, try identified(by: strangers)).isEmpty)
                // Over HTTP/2 as well.
                let two = try await ChildProcess.run(
                    "curl",
                    [
                        "-sS", "--http2", "--cacert", certificates.authority, "--cert", certificates.certificate,
                        "--key",
                        certificates.key, "https://localhost:\(server.port)/",
                    ])
                #expect(two.output == "<\(expected)>", "\(two.errors)")
            }
        }
    }

    private func curl(
        _ server: RunningServer, _ certificates: TestCertificates, _ arguments: [String]
    ) async throws -> ChildProcess.Outcome {
        try await ChildProcess.run(
            "curl", ["-sS", "-i", "--max-time", "20", "--http2", "--cacert", certificates.authority] + arguments)
    }

    @Test func speaksHTTP2() async throws {
        let certificates = try await TestCertificates()
        try await withServer(
            settings(certificates),
            answer: { request, _ in
                let body = try await request.body.collect(upTo: 1 << 20)
                return Response(
                    status: .ok,
                    body: ResponseBody(byteBuffer: ByteBuffer(string: "\(request.uri.path) \(body.readableBytes)")))
            }
        ) { server in
            let base = "https://localhost:\(server.port)"
            let outcome = try await curl(server, certificates, ["\(base)/one", "\(base)/two"])
            #expect(outcome.output.count(of: "HTTP/2 200") == 2, "\(outcome.errors)")
            #expect(outcome.output.contains("/two 0"))
            let folder = try TemporaryDirectory()
            let file = try folder.write(String(repeating: "x", count: 300_000), to: "body")
            let upload = try await curl(server, certificates, ["--data-binary", "@\(file)", "\(base)/upload"])
            #expect(upload.output.contains("/upload 300000"), "\(upload.errors)")
            #expect(server.metric("http_requests_in_flight") == 0)
        }
    }

    @Test func refusesOverHTTP2WhatItRefusesOverHTTP1() async throws {
        let certificates = try await TestCertificates()
        let tls = settings(certificates)
        let latch = Latch()
        try await withServer {
            tls(&$0)
            $0.maximumBodyBytes = 1_000
            $0.maximumInFlight = 1
        } answer: { request, context in
            if request.uri.path == "/wait" { await latch.pass() }
            return try await RunningServer.hello(request, context)
        } _: { server in
            let base = "https://localhost:\(server.port)"
            let large = try await curl(server, certificates, ["-d", String(repeating: "x", count: 2_000), base])
            #expect(large.output.hasPrefix("HTTP/2 413"), "\(large.errors)")
            let fields = (0..<120).flatMap { ["-H", "X-\($0): y"] }
            let many = try await curl(server, certificates, fields + [base])
            #expect(many.output.hasPrefix("HTTP/2 431"), "\(many.errors)")
            let waiting = try await server.connect(tls: try client(certificates.authority))
            waiting.offer("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            try await eventually { latch.waiting == 1 }
            let refused = try await curl(server, certificates, [base])
            #expect(refused.output.hasPrefix("HTTP/2 503"), "\(refused.errors)")
            #expect(refused.output.contains("retry-after: 1"))
            latch.open()
            try await waiting.receives("hello /wait")
        }
    }

    @Test func aBodyThatStallsOverHTTP2IsCutOff() async throws {
        let certificates = try await TestCertificates()
        let tls = settings(certificates)
        try await withServer {
            tls(&$0)
            $0.bodyProgressTimeout = .milliseconds(500)
        } _: { server in
            // curl reads no answer while it waits for more to upload.
            var configuration = HTTPClient.Configuration()
            configuration.tlsConfiguration = .makeClientConfiguration()
            configuration.tlsConfiguration?.trustRoots = .file(certificates.authority)
            let client = HTTPClient(configuration: configuration)
            var request = HTTPClientRequest(url: "https://localhost:\(server.port)/upload")
            request.method = .POST
            let (pieces, piece) = AsyncStream.makeStream(of: ByteBuffer.self)
            piece.yield(ByteBuffer(string: "abc"))
            request.body = .stream(pieces, length: .unknown)
            let answer = try? await client.execute(request, timeout: .seconds(20))
            piece.finish()
            try await client.shutdown()
            #expect(answer?.status == .requestTimeout)
            #expect(answer?.version == .http2)
            #expect(server.metric("http_timeouts_total{deadline=\"bodyProgress\"}") == 1)
        }
    }

    @Test func drainsOverHTTP2() async throws {
        let certificates = try await TestCertificates()
        let latch = Latch()
        let tls = settings(certificates)
        let server = try await RunningServer(tls) { request, context in
            await latch.pass()
            return try await RunningServer.hello(request, context)
        }
        let base = "https://localhost:\(server.port)"
        let asking = Task { try await curl(server, certificates, ["\(base)/wait"]) }
        try await eventually { latch.waiting == 1 }
        await server.beginStop()
        try await eventually { server.health.isDraining }
        latch.open()
        let outcome = try await asking.value
        #expect(outcome.output.contains("hello /wait"), "\(outcome.errors)")
        try await server.stopped()
    }
}

/// Knows the channel of a request.
struct ChannelContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}
