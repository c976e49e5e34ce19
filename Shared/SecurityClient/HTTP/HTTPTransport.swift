import AsyncHTTPClient
import Foundation
import NIOCore
import NIOSSL

/// How requests to token-service are secured.
public struct HTTPTransportSecurity: Sendable {
    /// PEM file with the authorities that sign the server's certificate; nil for the system's.
    public var caFile: String?
    /// PEM files for mutual TLS.
    public var certificateFile: String?
    public var keyFile: String?

    public init(caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }

    func tlsConfiguration() throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv13
        if let caFile { tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(caFile)) }
        if let certificateFile, let keyFile {
            tls.certificateChain = try NIOSSLCertificate.fromPEMFile(certificateFile).map { .certificate($0) }
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: keyFile, format: .pem))
        }
        return tls
    }
}

/// Sends small requests: follows no redirect, reads a bounded answer within a bounded time.
final class HTTPTransport: Sendable {
    struct Answer: Sendable {
        let status: Int
        let headers: [(name: String, value: String)]
        let body: [UInt8]

        /// The first header of a name, written in lower case.
        func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
    }

    enum Failure: Error, Sendable {
        case tooLarge
        case timedOut
    }

    private let client: HTTPClient

    init(_ security: HTTPTransportSecurity = HTTPTransportSecurity()) throws {
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: try security.tlsConfiguration(), redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(2), read: .seconds(5)),
            connectionPool: .init(idleTimeout: .seconds(30)))
        // Whoever asks has something else to do when the server is not there, and tries again on its own terms.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    deinit {
        // The client wants to be told; it keeps itself alive until that is done.
        client.shutdown(queue: .global()) { _ in }
    }

    /// - Parameter limit: bytes of the answer's body.
    func send(
        _ method: String, _ url: String, headers: [(String, String)] = [], body: [UInt8]? = nil, limit: Int,
        timeout: Duration
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = .RAW(value: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(body) }
        let sent = request
        return try await withThrowingTaskGroup(of: Answer.self) { group in
            group.addTask { [client] in try await HTTPTransport.exchange(sent, client, limit, timeout) }
            group.addTask {
                try await Task.sleep(for: timeout)
                throw Failure.timedOut
            }
            defer { group.cancelAll() }
            guard let answer = try await group.next() else { throw Failure.timedOut }
            return answer
        }
    }

    private static func exchange(
        _ request: HTTPClientRequest, _ client: HTTPClient, _ limit: Int, _ timeout: Duration
    ) async throws -> Answer {
        let response = try await client.execute(request, timeout: TimeAmount(timeout))
        var body: [UInt8] = []
        for try await chunk in response.body {
            guard body.count + chunk.readableBytes <= limit else { throw Failure.tooLarge }
            body.append(contentsOf: chunk.readableBytesView)
        }
        return Answer(
            status: Int(response.status.code), headers: response.headers.map { ($0.name.lowercased(), $0.value) },
            body: body)
    }
}
