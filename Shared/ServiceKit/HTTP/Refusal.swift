import HTTPTypes
import NIOCore
import StrictJSON

/// An answer that the server gives by itself, before or instead of the API: `application/problem+json` (RFC 9457).
struct Refusal: Sendable, Hashable {
    let status: HTTPResponse.Status
    let type: String
    let title: String
    /// Seconds.
    var retryAfter: Int?

    static let malformed = Refusal(
        status: .badRequest, type: "malformed-request", title: "The request is malformed")
    static let headTooLarge = Refusal(
        status: .requestHeaderFieldsTooLarge, type: "headers-too-large", title: "The request's headers are too large")
    static let bodyTooLarge = Refusal(
        status: .contentTooLarge, type: "body-too-large", title: "The body is too large")
    static let timeout = Refusal(
        status: .requestTimeout, type: "request-timeout", title: "The request came too slowly")
    static let overloaded = Refusal(
        status: .serviceUnavailable, type: "overloaded", title: "Too many requests are being answered", retryAfter: 1)
    static let failed = Refusal(
        status: .internalServerError, type: "internal-error", title: "Something went wrong here")

    var body: ByteBuffer {
        let object: JSONValue = [
            "type": .string("urn:jts:problem:\(type)"), "title": .string(title), "status": .int(Int64(status.code)),
        ]
        return ByteBuffer(bytes: object.encoded())
    }

    /// Head and body.
    func answer(date: String) -> (head: HTTPResponse, body: ByteBuffer) {
        let body = body
        var fields: HTTPFields = [
            .contentType: "application/problem+json", .contentLength: String(body.readableBytes),
            .cacheControl: "no-store", .date: date, .xContentTypeOptions: "nosniff",
        ]
        if let retryAfter { fields[.retryAfter] = String(retryAfter) }
        return (HTTPResponse(status: status, headerFields: fields), body)
    }
}
