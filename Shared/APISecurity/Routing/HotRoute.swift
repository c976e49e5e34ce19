import HTTPTypes
import Hummingbird
import NIOCore
import ServiceKit

/// How a hot route answers: it is called on the event loop of the connection and must not block. It answers the call or
/// passes it on to the route's ordinary handler, now or later on the same event loop.
package typealias HotHandler = @Sendable (HotCall) -> Void

/// A route with a lean path beside its ordinary handler.
struct HotRoute: Sendable {
    let route: Route
    let handler: HotHandler
}

extension SecureRouter {
    /// Registers a hot route: as `on`, with a second, lean way to its answers for requests that are plain.
    ///
    /// `lean` decides by the same functions as `handler` does, answers what it can decide without waiting for anything
    /// but a callback on its event loop, and passes all else on: whatever it has found out so far is found out again.
    ///
    /// - Parameters:
    ///   - path: without parameters.
    ///   - lean: called when the caller has been admitted by `access`.
    /// - Precondition: as of `on`.
    @discardableResult
    package func hot(
        _ method: HTTPRequest.Method, _ path: String, _ access: Access, options: RouteOptions = .standard,
        lean: @escaping HotHandler, use handler: @escaping Route.Handler
    ) -> Route {
        precondition(!path.contains("{"), "a hot route has no parameters: \(path)")
        precondition(method != .head, "HEAD is answered by the route of GET")
        let route = on(method, path, access, options: options, use: handler)
        add(HotRoute(route: route, handler: lean))
        return route
    }

    /// The head of answers of hot routes, encoded beforehand: status, the headers of every answer, and the answer's own.
    package func hotHead(_ status: HTTPResponse.Status, _ own: HTTPFields) -> HotHead {
        HotHead(status, own, SecurityHeaders(strictTransport: options.strictTransport))
    }
}

/// What answers begin with, but for what differs from one to the next.
package struct HotHead: Sendable {
    /// The answer's own fields, for the ordinary handler.
    package let own: HTTPFields
    let status: HTTPResponse.Status
    /// Up to the value of `Content-Length`.
    let bytes: [UInt8]

    /// The fields in the order in which they leave the ordinary path.
    init(_ status: HTTPResponse.Status, _ own: HTTPFields, _ security: SecurityHeaders) {
        self.own = own
        self.status = status
        var text = "HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\n"
        for field in security.complete(own, requestID: "", isPrivate: true) where field.name != RequestID.header {
            text += "\(field.name.rawName): \(field.value)\r\n"
        }
        bytes = Array((text + "\(HTTPField.Name.contentLength.rawName): ").utf8)
    }
}
