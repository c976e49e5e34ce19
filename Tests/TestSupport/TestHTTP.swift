import AsyncHTTPClient
import Foundation
import NIOCore
import NIOSSL
import StrictJSON
import Synchronization

/// Calls one HTTP service, without memory of its own: what the calls gave away goes to `notes`, when there are any.
package struct TestHTTP: Sendable {
    /// Without a slash at the end.
    package let url: String
    package let notes: SecretNotes?
    /// Sent with every request.
    package var headers: [String: String] = [:]
    /// PEM: who is trusted to vouch for an HTTPS server; the system's authorities when nil.
    package var authority: String?
    /// PEM: the client's certificate and key, shown to HTTPS servers that ask.
    package var certificate: (file: String, key: String)?

    package init(_ url: String, notes: SecretNotes? = nil) {
        self.url = url
        self.notes = notes
    }

    /// What a service answered.
    package struct Answer: Sendable {
        package let status: Int
        /// Names in lower case; of a repeated header the last.
        package let headers: [String: String]
        package let bytes: [UInt8]
        /// `null` when the body is no JSON.
        package let json: JSONValue

        package var text: String { String(decoding: bytes, as: UTF8.self) }

        package func header(_ name: String) -> String? { headers[name.lowercased()] }

        /// A string that has to be there.
        package func string(_ key: String) throws -> String {
            guard let value = json[key]?.string else { throw Unexpected(description: "no \(key) in \(status) \(text)") }
            return value
        }

        /// Insists on the status.
        @discardableResult
        package func require(_ statuses: Int..., file: StaticString = #fileID, line: UInt = #line) throws -> Answer {
            guard statuses.contains(status) else {
                throw Unexpected(description: "\(file):\(line): expected \(statuses), got \(status) \(text)")
            }
            return self
        }
    }

    package struct Unexpected: Error, CustomStringConvertible {
        package let description: String
        package init(description: String) { self.description = description }
    }

    /// - Parameters:
    ///   - json, form, body: at most one of them; `body` goes as it is, with the content type among `headers`.
    ///   - token: a bearer token.
    ///   - basic: client id and secret (RFC 6749 section 2.3.1; both are taken to need no escaping).
    ///   - timeout: for the whole exchange.
    /// - Throws: errors of the connection. Any status is an answer.
    package func call(
        _ method: String, _ path: String, json: JSONValue? = nil, form: [String: String]? = nil,
        body: [UInt8]? = nil, token: String? = nil, basic: (String, String)? = nil, headers: [String: String] = [:],
        timeout: Duration = .seconds(30)
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = .init(rawValue: method)
        request.headers.add(name: "Accept", value: "application/json")
        if let json {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: json.encoded()))
        } else if let form {
            request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
            request.body = .bytes(ByteBuffer(string: TestHTTP.encode(form)))
        } else if let body {
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        if let token { request.headers.replaceOrAdd(name: "Authorization", value: "Bearer \(token)") }
        if let (client, secret) = basic {
            let credentials = Data("\(client):\(secret)".utf8).base64EncodedString()
            request.headers.replaceOrAdd(name: "Authorization", value: "Basic \(credentials)")
        }
        for (name, value) in self.headers { request.headers.replaceOrAdd(name: name, value: value) }
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        if url.hasPrefix("https://") { request.tlsConfiguration = try tlsConfiguration() }
        let seconds = Int64(timeout.components.seconds)
        let response = try await TestHTTP.client.execute(request, timeout: .seconds(max(1, seconds)))
        let buffer = try await response.body.collect(upTo: 16 << 20)
        let bytes = Array(buffer.readableBytesView)
        let isJSON = response.headers.first(name: "Content-Type")?.contains("json") ?? false
        let parsed = isJSON ? (try? JSONValue(parsing: bytes)) ?? .null : .null
        notes?.note(parsed)
        return Answer(
            status: Int(response.status.code),
            headers: Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { $1 }, bytes: bytes,
            json: parsed)
    }

    private func tlsConfiguration() throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let authority { tls.trustRoots = .file(authority) }
        if let certificate {
            tls.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate.file).map { .certificate($0) }
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: certificate.key, format: .pem))
        }
        return tls
    }

    package static func encode(_ form: [String: String]) -> String {
        let plain = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        func escape(_ text: String) -> String { text.addingPercentEncoding(withAllowedCharacters: plain) ?? "" }
        return form.sorted { $0.key < $1.key }.map { "\(escape($0.key))=\(escape($0.value))" }.joined(separator: "&")
    }

    /// One for the whole process, and for as long as it runs. A connection that cannot be opened is an error at once.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout = .init(connect: .seconds(5))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 128
        configuration.connectionPool.idleTimeout = .seconds(20)
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()
}

/// Every secret that a run made, so that logs and error bodies can be searched for them.
package final class SecretNotes: Sendable {
    private let found = Mutex<Set<String>>([])

    package init() {}

    /// Members of answers that nobody else may see.
    private static let names: Set<String> = [
        "access_token", "refresh_token", "mfa_token", "secret", "client_secret", "temporary_password", "password",
        "recovery_codes", "recovery_code",
    ]

    package var all: Set<String> { found.withLock { $0 } }

    package func add(_ secret: String) {
        // Anything shorter is no secret of this system, and would be found everywhere.
        guard secret.utf8.count >= 8 else { return }
        found.withLock { _ = $0.insert(secret) }
    }

    /// The secrets that stand in a text as words of their own, cut to a few characters. Of a token its last part counts:
    /// the signature.
    package func secrets(in text: String) -> [String] {
        let secrets = Set(all.map { $0.split(separator: ".").last.map(String.init) ?? $0 })
        let isPart: (UInt8) -> Bool = { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
            default: false
            }
        }
        return text.utf8.split { !isPart($0) }.compactMap { String($0) }.filter(secrets.contains).map {
            String($0.prefix(4))
        }
    }

    package func note(_ value: JSONValue, under name: String = "") {
        switch value {
        case .object(let object): for (key, value) in object.members { note(value, under: key) }
        case .array(let values): for value in values { note(value, under: name) }
        case .string(let text): if SecretNotes.names.contains(name) { add(text) }
        default: break
        }
    }
}
