import APISecurity
import HTTPTypes
import Hummingbird
import NIOCore
import SecurityClient

/// The body of a bundle, encoded once for everybody who asks for the same number.
struct SignedBundle: Sendable {
    let sequence: Int64
    let digest: String
    /// Shared by all answers, not copied for each.
    private let body: ByteBuffer

    init(sequence: Int64, body: [UInt8]) {
        self.sequence = sequence
        self.body = ByteBuffer(bytes: body)
        digest = PolicyStatement.digest(of: body)
    }

    /// RFC 9110 section 13.1.2: 304 when the client has it, with a statement of now in either case.
    func response(_ statement: String, to request: Request) -> Response {
        let tag = "\"\(digest)\""
        var headers: HTTPFields = [
            .eTag: tag, .policyStatement: statement, .cacheControl: "private, no-cache",
        ]
        if let known = request.headers[.ifNoneMatch],
            known == "*" || known.split(separator: ",").contains(where: { $0.drop { $0 == " " } == tag })
        {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = "application/json"
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
    }
}
