import Crypto
import Foundation
import JOSE

/// A request at the edge, as the proxy that holds it describes it.
struct ForwardAuthRequest: Sendable {
    /// Where the proxy says which certificate the client showed. It has to set or remove this header itself: it is believed.
    enum CertificateHeader: String, Sendable, CaseIterable {
        case none
        /// `X-Client-Cert-Thumbprint`: SHA-256 of the certificate, base64url (RFC 8705 section 3.1).
        case thumbprint
        /// `X-Client-Cert`: the certificate in PEM, percent-encoded: nginx's `$ssl_client_escaped_cert`.
        case pem
        /// `X-Forwarded-Client-Cert`: `Hash` of the only element, as Envoy has it.
        case envoy
    }

    let method: String
    /// Without the query.
    let path: String

    /// From `X-Original-Method` and `X-Original-URI` or `X-Envoy-Original-Path`.
    /// - Returns: nil when one is missing, or two say different things.
    init?(method: String?, originalURI: String?, envoyOriginalPath: String?) {
        guard let method, let target = originalURI ?? envoyOriginalPath else { return nil }
        if let originalURI, let envoyOriginalPath, originalURI != envoyOriginalPath { return nil }
        self.init(method: method, target: target)
    }

    /// From a request whose own path is `/v1/forward-auth?original=` and then the original one, with its query.
    init?(method: String, query: Substring) {
        let name = "original="
        guard query.hasPrefix(name) else { return nil }
        self.init(method: method, target: String(query.dropFirst(name.utf8.count)))
    }

    private init?(method: String, target: String) {
        guard !method.isEmpty, method.utf8.count <= 16, target.utf8.count <= 8_192,
            target.utf8.first == UInt8(ascii: "/"), target.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        self.method = method
        path = target.firstIndex(of: "?").map { String(target[..<$0]) } ?? target
    }

    /// `x5t#S256` of what a header says; nil for what is none.
    static func thumbprint(_ value: String, _ kind: CertificateHeader) -> String? {
        switch kind {
        case .none: return nil
        case .thumbprint: return Base64URL.decode(value)?.count == 32 ? value : nil
        case .pem:
            let marks = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")
            guard let text = value.removingPercentEncoding, let begin = text.range(of: marks.0),
                let end = text.range(of: marks.1), begin.upperBound <= end.lowerBound,
                let certificate = Data(
                    base64Encoded: String(text[begin.upperBound..<end.lowerBound].filter { !$0.isWhitespace }))
            else { return nil }
            return Base64URL.encode(Array(SHA256.hash(data: certificate)))
        case .envoy:
            // Several elements are of several proxies, and which one is the client's is not for us to guess.
            guard !value.contains(","), !value.contains("\"") || !value.contains("\\") else { return nil }
            let hashes = value.split(separator: ";").filter { $0.lowercased().hasPrefix("hash=") }
            guard hashes.count == 1, let bytes = hex(hashes[0].dropFirst("hash=".count)), bytes.count == 32 else {
                return nil
            }
            return Base64URL.encode(bytes)
        }
    }

    private static func hex(_ text: Substring) -> [UInt8]? {
        let digits = text.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[index], let low = digits[index + 1] else { return nil }
            bytes.append(UInt8(high << 4 | low))
        }
        return bytes
    }
}
