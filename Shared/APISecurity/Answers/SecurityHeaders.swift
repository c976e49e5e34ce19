import HTTPTypes

/// The headers that every answer of an API carries, made once.
struct SecurityHeaders: Sendable {
    private let open: HTTPFields
    private let uncached: HTTPFields

    /// - Parameter strictTransport: over TLS only, RFC 6797 section 7.2.
    init(strictTransport: Bool) {
        var fields = HTTPFields()
        func add(_ name: String, _ value: String) {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        add("X-Content-Type-Options", "nosniff")
        add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        add("Referrer-Policy", "no-referrer")
        add("Cross-Origin-Resource-Policy", "same-origin")
        add("Permissions-Policy", "accelerometer=(), camera=(), geolocation=(), microphone=(), payment=(), usb=()")
        if strictTransport { add("Strict-Transport-Security", "max-age=63072000; includeSubDomains") }
        open = fields
        add("Cache-Control", "no-store")
        uncached = fields
    }

    /// Adds them and `X-Request-Id` to an answer's own headers. Where both have one, the answer's own counts, but never
    /// for the request id: each header stands there once.
    /// - Parameter isPrivate: the answer depends on who asks and is kept by no cache.
    func complete(_ own: HTTPFields, requestID: String, isPrivate: Bool) -> HTTPFields {
        var result = isPrivate ? uncached : open
        // Nearly all answers have just the two that are never among ours.
        for field in own where field.name != .contentType && field.name != .contentLength {
            result[field.name] = nil
        }
        for field in own where field.name != RequestID.header { result.append(field) }
        result.append(HTTPField(name: RequestID.header, value: requestID))
        return result
    }
}
