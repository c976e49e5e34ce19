import HTTPTypes
import Hummingbird
import StrictJSON

/// What a route wants beside its access.
public struct RouteOptions: Sendable {
    public static let defaultBodyLimit = 1 << 20
    public static let maximumBodyLimit = 10 << 20

    /// Bytes of body that the route takes: 1 MiB unless said, never over 10 MiB.
    public var bodyLimit: Int
    public var jsonLimits: JSONLimits
    /// Names the operation in the OpenAPI document.
    public var operationID: String?
    /// Whether the query is read as parameters, each name once. A route that is told of somebody else's request in its query
    /// reads it by itself.
    package var readsQuery = true

    public init(bodyLimit: Int = RouteOptions.defaultBodyLimit, operationID: String? = nil) {
        precondition(
            (0...RouteOptions.maximumBodyLimit).contains(bodyLimit), "a body limit is at most 10 MiB: \(bodyLimit)")
        self.bodyLimit = bodyLimit
        jsonLimits = JSONLimits(maxBytes: max(1, bodyLimit))
        self.operationID = operationID
    }

    public static let standard = RouteOptions()
}

/// A route and what it states about itself.
public final class Route: Sendable {
    public typealias Handler = @Sendable (Request, APIContext) async throws -> Response

    public let method: HTTPRequest.Method
    /// As in OpenAPI: `/v1/users/{user}`.
    public let path: String
    public let access: Access
    public let options: RouteOptions
    let segments: [PathSegment]
    let handler: Handler
    let metrics: RouteMetrics

    init(
        _ method: HTTPRequest.Method, _ path: String, _ access: Access, _ options: RouteOptions,
        _ metrics: RouteMetrics, _ handler: @escaping Handler
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.options = options
        self.handler = handler
        self.metrics = metrics
        segments = PathSegment.parse(path)
    }
}

enum PathSegment: Sendable, Hashable {
    case literal(String)
    case parameter(String)

    static func parse(_ path: String) -> [PathSegment] {
        precondition(path.hasPrefix("/"), "a path starts with a slash: \(path)")
        precondition(path.utf8.allSatisfy { (0x21...0x7E).contains($0) }, "a path is of visible ASCII: \(path)")
        let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { part in
            if part.hasPrefix("{"), part.hasSuffix("}"), part.count > 2 {
                return PathSegment.parameter(String(part.dropFirst().dropLast()))
            }
            precondition(!part.contains("{") && !part.contains("}"), "a parameter is a whole segment: \(path)")
            return .literal(String(part))
        }
        let names = segments.compactMap { if case .parameter(let name) = $0 { name } else { nil } }
        precondition(Set(names).count == names.count, "a parameter is named twice: \(path)")
        return segments
    }
}
