import APISecurity
import Cedar
import Foundation
import StrictJSON

/// What requests at the edge ask for: the action and the resource of a method and a path. What no route fits is refused.
///
///     {"routes": [{"method": "DELETE", "path": "/v1/orders/{order}", "action": "edge:reduce-risk",
///                  "resource": {"type": "Platform", "id": "platform"}}]}
///
/// A resource's id is a constant (`id`) or a parameter of the path (`parameter`).
struct ForwardAuthRoutes: Sendable {
    /// What a request comes to.
    struct Target: Sendable {
        let action: String
        let resource: EntityUID
    }

    /// What is wrong with the file.
    struct Fault: Error, Sendable, CustomStringConvertible {
        let description: String
    }

    private enum Segment: Sendable {
        case literal([UInt8])
        case parameter(String)
    }

    private enum ID: Sendable {
        case constant(CedarString)
        case parameter(String)
    }

    private struct Route: Sendable {
        let method: String
        let segments: [Segment]
        let action: String
        let type: Name
        let id: ID
    }

    /// By the number of segments, in the order of the file.
    private var routes: [Int: [Route]] = [:]

    /// Lets nothing through.
    init() {}

    static func load(_ path: String) throws -> ForwardAuthRoutes {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        return try ForwardAuthRoutes(JSONValue(parsing: bytes, limits: JSONLimits(maxBytes: 1 << 20)))
    }

    init(_ json: JSONValue) throws(Fault) {
        guard let list = json.object?["routes"]?.array, json.object?.keys.allSatisfy({ $0 == "routes" }) == true else {
            throw Fault(description: "an object with a list of routes is expected")
        }
        for (index, json) in list.enumerated() {
            do {
                let route = try ForwardAuthRoutes.route(json)
                routes[route.segments.count, default: []].append(route)
            } catch { throw Fault(description: "routes[\(index)]: \(error)") }
        }
    }

    /// The first route that fits, as the file has them. HEAD is asked for as GET is.
    /// - Parameter path: without the query.
    func target(_ method: String, _ path: String) -> Target? {
        guard path.utf8.first == UInt8(ascii: "/") else { return nil }
        let parts = path.utf8.dropFirst().split(
            separator: UInt8(ascii: "/"), maxSplits: 64, omittingEmptySubsequences: false)
        let method = method == "HEAD" ? "GET" : method
        for route in routes[parts.count] ?? [] where route.method == method {
            guard let values = ForwardAuthRoutes.values(of: route.segments, parts) else { continue }
            let id: CedarString
            switch route.id {
            case .constant(let constant): id = constant
            case .parameter(let name): id = CedarString(values[name] ?? "")
            }
            return Target(action: route.action, resource: EntityUID(type: route.type, id: id))
        }
        return nil
    }

    /// The parameters when the path fits. Whatever another server might read as another path fits nothing: empty and dot
    /// segments, escaped slashes, literals written with escapes.
    private static func values(of segments: [Segment], _ parts: [Substring.UTF8View]) -> [String: String]? {
        var values: [String: String] = [:]
        for (segment, part) in zip(segments, parts) {
            switch segment {
            case .literal(let text): guard part.elementsEqual(text) else { return nil }
            case .parameter(let name):
                guard !part.isEmpty, let value = PercentCoding.decode(part, plusIsSpace: false), value != ".",
                    value != "..",
                    !value.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") })
                else { return nil }
                values[name] = value
            }
        }
        return values
    }

    private static let members: Set<String> = ["method", "path", "action", "resource"]

    private static func route(_ json: JSONValue) throws(Fault) -> Route {
        guard let object = json.object, let method = object["method"]?.string, let path = object["path"]?.string,
            let action = object["action"]?.string, let resource = object["resource"]?.object
        else { throw Fault(description: "method, path, action and resource are expected") }
        if let stranger = object.keys.first(where: { !members.contains($0) }) {
            throw Fault(description: "\(stranger) is not known")
        }
        guard ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(method) else {
            throw Fault(description: "method: GET, POST, PUT, PATCH, DELETE or OPTIONS is expected")
        }
        let segments = try segments(path)
        guard let type = resource["type"]?.string.flatMap({ Name($0) }) else {
            throw Fault(description: "resource.type: the name of an entity type is expected")
        }
        let id: ID
        switch (resource["id"]?.string, resource["parameter"]?.string) {
        case (let constant?, nil): id = .constant(CedarString(constant))
        case (nil, let name?):
            guard segments.contains(where: { if case .parameter(name) = $0 { true } else { false } }) else {
                throw Fault(description: "resource.parameter: the path has no {\(name)}")
            }
            id = .parameter(name)
        default: throw Fault(description: "resource: either id or parameter is expected")
        }
        return Route(method: method, segments: segments, action: action, type: type, id: id)
    }

    private static func segments(_ path: String) throws(Fault) -> [Segment] {
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "?") })
        else { throw Fault(description: "path: visible ASCII that begins with a slash is expected") }
        var segments: [Segment] = []
        for part in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            if part.hasPrefix("{"), part.hasSuffix("}"), part.count > 2 {
                segments.append(.parameter(String(part.dropFirst().dropLast())))
            } else if part.contains("{") || part.contains("}") {
                throw Fault(description: "path: a parameter is a whole segment")
            } else {
                segments.append(.literal(Array(part.utf8)))
            }
        }
        return segments
    }
}
