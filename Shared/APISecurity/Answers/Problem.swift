import HTTPTypes
import Hummingbird
import NIOCore
import StrictJSON

/// An error answer, `application/problem+json` (RFC 9457). Its texts are for the caller: nothing internal.
public struct Problem: Error, Sendable {
    /// What `type` starts with.
    public static let namespace = "urn:jts:problem:"

    public var status: HTTPResponse.Status
    /// A stable URI.
    public var type: String
    public var title: String
    public var detail: String?
    public var headers: HTTPFields
    public var extensions: JSONObject

    /// - Parameter type: the part after `urn:jts:problem:`, or a whole URI.
    public init(
        status: HTTPResponse.Status, type: String, title: String, detail: String? = nil, headers: HTTPFields = [:],
        extensions: JSONObject = [:]
    ) {
        self.status = status
        self.type = type.utf8.contains(UInt8(ascii: ":")) ? type : Problem.namespace + type
        self.title = title
        self.detail = detail
        self.headers = headers
        self.extensions = extensions
    }

    public func json() -> JSONValue {
        var object: JSONObject = [
            "type": .string(type), "title": .string(title), "status": .int(Int64(status.code)),
        ]
        object["detail"] = detail.map(JSONValue.string)
        for member in extensions.members where object[member.key] == nil { object[member.key] = member.value }
        return .object(object)
    }

    public func response() -> Response {
        var fields: HTTPFields = [.contentType: "application/problem+json"]
        fields.append(contentsOf: headers.filter { $0.name != .contentType && $0.name != .contentLength })
        return Response(
            status: status, headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(bytes: json().encoded())))
    }
}

extension Problem: HTTPResponseError {
    public func response(from request: Request, context: some RequestContext) throws -> Response { response() }
}

extension Problem {
    public static func badRequest(_ type: String = "bad-request", detail: String? = nil) -> Problem {
        Problem(status: .badRequest, type: type, title: "The request is not understood", detail: detail)
    }

    public static func notFound(detail: String? = nil) -> Problem {
        Problem(status: .notFound, type: "not-found", title: "No such thing", detail: detail)
    }

    public static func forbidden(_ type: String = "forbidden", detail: String? = nil) -> Problem {
        Problem(status: .forbidden, type: type, title: "Not allowed", detail: detail)
    }

    public static func conflict(_ type: String = "conflict", title: String, detail: String? = nil) -> Problem {
        Problem(status: .conflict, type: type, title: title, detail: detail)
    }

    public static func unprocessable(_ type: String, title: String, detail: String? = nil) -> Problem {
        Problem(status: .unprocessableContent, type: type, title: title, detail: detail)
    }

    /// - Parameter retryAfter: seconds.
    public static func tooManyRequests(detail: String? = nil, retryAfter: Int) -> Problem {
        Problem(
            status: .tooManyRequests, type: "too-many-requests", title: "Too many requests", detail: detail,
            headers: [.retryAfter: String(max(1, retryAfter))])
    }

    /// - Parameter retryAfter: seconds.
    public static func unavailable(detail: String? = nil, retryAfter: Int = 1) -> Problem {
        Problem(
            status: .serviceUnavailable, type: "unavailable", title: "Temporarily unavailable", detail: detail,
            headers: [.retryAfter: String(max(1, retryAfter))])
    }

    static func tooLarge(limit: Int) -> Problem {
        Problem(
            status: .contentTooLarge, type: "body-too-large", title: "The body is too large",
            detail: "At most \(limit) bytes are taken.")
    }

    static func mediaType(expected: String) -> Problem {
        Problem(
            status: .unsupportedMediaType, type: "unsupported-media-type", title: "The media type is not taken",
            detail: "\(expected) is expected.", headers: [.accept: expected])
    }

    /// For what nobody foresaw: says nothing but that.
    static let internalError = Problem(
        status: .internalServerError, type: "internal-error", title: "Something went wrong here")
}
