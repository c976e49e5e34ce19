import AsyncHTTPClient
import Foundation
import NIOCore
import NIOSSL
import StrictJSON

/// token-service over HTTP.
struct API {
    struct Answer {
        let status: UInt
        let json: JSONValue

        /// The problem's slug (RFC 9457 `type` under `urn:jts:problem:`), or OAuth's `error`.
        var problem: String {
            if let type = json["type"]?.string, let slug = type.split(separator: ":").last { return String(slug) }
            return json["error"]?.string ?? "status \(status)"
        }

        /// - Throws: a refusal with the service's own words unless the status is one of `expected`.
        func expecting(_ expected: UInt...) throws -> JSONValue {
            if expected.contains(status) { return json }
            let words = json["detail"]?.string ?? json["title"]?.string ?? json["error_description"]?.string
            let text = Console.printable(words.map { "\(problem): \($0)" } ?? problem)
            throw status >= 500 ? CommandFault.unavailable(text) : CommandFault.refused(text)
        }
    }

    enum Body {
        case none
        case json(JSONValue)
        case form([(String, String)])
    }

    let base: URL
    let client: HTTPClient

    /// Opens a client for the time of `body`.
    /// - Parameter caFile: PEM file with the authorities that may sign the service's certificate, and no others;
    ///   `JTS_CA_FILE` where it is nil, else those of the system.
    static func with<T>(_ url: String, caFile: String?, _ body: (API) async throws -> T) async throws -> T {
        let base = try checked(url)
        var configuration = HTTPClient.Configuration()
        // A redirect would carry credentials to wherever it points.
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(5)
        if base.scheme == "https" { configuration.tlsConfiguration = try tlsConfiguration(caFile) }
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let result = try await body(API(base: base, client: client))
            try await client.shutdown()
            return result
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    private static func tlsConfiguration(_ caFile: String?) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv13
        if let file = caFile ?? ProcessInfo.processInfo.environment["JTS_CA_FILE"], !file.isEmpty {
            guard let authorities = try? NIOSSLCertificate.fromPEMFile(file), !authorities.isEmpty else {
                throw CommandFault.usage("\(Console.printable(file)) holds no certificates in PEM")
            }
            tls.trustRoots = .certificates(authorities)
        }
        return tls
    }

    /// Passwords and tokens travel under TLS, or stay on this machine.
    static func checked(_ text: String) throws -> URL {
        guard let url = URL(string: text), let host = url.host, !host.isEmpty, url.user == nil, url.query == nil else {
            throw CommandFault.usage("not a URL of a service: \(Console.printable(text))")
        }
        let isLocal = host == "localhost" || host == "::1" || host == "[::1]" || host == "127.0.0.1"
        guard url.scheme == "https" || (url.scheme == "http" && isLocal) else {
            throw CommandFault.usage("use https, or http on this machine only")
        }
        return url
    }

    /// Path segment with everything escaped that has a meaning in a path.
    static func segment(_ text: String) throws -> String {
        let allowed = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~.")
        guard let escaped = text.addingPercentEncoding(withAllowedCharacters: allowed), !escaped.isEmpty,
            escaped != ".", escaped != ".."
        else { throw CommandFault.usage("not an identifier: \(Console.printable(text))") }
        return escaped
    }

    func call(_ method: String, _ path: String, _ body: Body = .none, token: String? = nil) async throws -> Answer {
        var request = HTTPClientRequest(url: base.absoluteString.trimmingSuffix("/") + path)
        request.method = .init(rawValue: method)
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "User-Agent", value: "jts")
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        switch body {
        case .none: break
        case .json(let value):
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: value.encoded()))
        case .form(let fields):
            request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
            let text = try fields.map { try "\(API.segment($0.0))=\(API.segment($0.1))" }.joined(separator: "&")
            request.body = .bytes(ByteBuffer(string: text))
        }
        do {
            let response = try await client.execute(request, timeout: .seconds(20))
            let bytes = [UInt8](buffer: try await response.body.collect(upTo: 4 << 20))
            let json = bytes.isEmpty ? JSONValue.null : (try? JSONValue(parsing: bytes)) ?? .null
            return Answer(status: response.status.code, json: json)
        } catch let fault as CommandFault {
            throw fault
        } catch let fault where fault is NIOSSLError || fault is NIOSSLExtraError {
            throw CommandFault.unavailable(
                "\(base.host ?? "service"): no TLS with it; where an authority of your own signs, name it with "
                    + "jts login --ca-file or JTS_CA_FILE")
        } catch {
            throw CommandFault.unavailable("\(base.host ?? "service"): \(type(of: error)) while asking")
        }
    }
}

extension String {
    func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
