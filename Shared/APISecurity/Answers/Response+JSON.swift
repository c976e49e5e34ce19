import HTTPTypes
import Hummingbird
import NIOCore
import StrictJSON

extension Response {
    /// An answer in JSON.
    public static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok) -> Response {
        json(bytes: value.encoded(), status: status)
    }

    /// An answer of bytes that are JSON already: for hot endpoints, with `JSONWriter`.
    public static func json(bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        Response(status: status, headers: jsonHeaders, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// An answer of a buffer that is JSON already, and may be kept from call to call.
    public static func json(buffer: ByteBuffer, status: HTTPResponse.Status = .ok) -> Response {
        Response(status: status, headers: jsonHeaders, body: ResponseBody(byteBuffer: buffer))
    }

    /// An answer without a body.
    public static var noContent: Response { Response(status: .noContent) }

    private static let jsonHeaders: HTTPFields = [.contentType: "application/json"]
}
