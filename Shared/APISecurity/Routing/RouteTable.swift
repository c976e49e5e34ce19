import HTTPTypes
import Hummingbird

/// Finds routes by method and path. Paths are compared byte by byte: no case folding, no trailing slash, no dot segments.
struct RouteTable: Sendable {
    /// The routes of one path.
    struct Node: Sendable {
        let segments: [PathSegment]
        var routes: [Route]

        func route(for method: HTTPRequest.Method) -> Route? {
            if let route = routes.first(where: { $0.method == method }) { return route }
            return method == .head ? routes.first { $0.method == .get } : nil
        }

        /// For `Allow`.
        var methods: [HTTPRequest.Method] {
            let stated = routes.map(\.method)
            let implied: [HTTPRequest.Method] = stated.contains(.get) && !stated.contains(.head) ? [.head] : []
            return (stated + implied).sorted { $0.rawValue < $1.rawValue }
        }
    }

    enum Match {
        case found(Route, Parameters)
        case otherMethod(allowed: [HTTPRequest.Method])
        case none
        case malformedPath
    }

    private var exact: [Substring: Node] = [:]
    /// By number of segments; those with literals further left come first.
    private var patterns: [Int: [Node]] = [:]

    init(_ routes: [Route]) {
        for route in routes {
            if route.segments.contains(where: { if case .parameter = $0 { true } else { false } }) {
                addPattern(route)
            } else {
                exact[route.path[...], default: Node(segments: route.segments, routes: [])].add(route)
            }
        }
    }

    private mutating func addPattern(_ route: Route) {
        var nodes = patterns[route.segments.count] ?? []
        let shape = RouteTable.shape(route.segments)
        if let index = nodes.firstIndex(where: { RouteTable.shape($0.segments) == shape }) {
            precondition(nodes[index].segments == route.segments, "\(route.path) names its parameters differently")
            nodes[index].add(route)
        } else {
            nodes.append(Node(segments: route.segments, routes: [route]))
            nodes.sort { RouteTable.shape($0.segments).lexicographicallyPrecedes(RouteTable.shape($1.segments)) }
        }
        patterns[route.segments.count] = nodes
    }

    /// Literals before parameters, then by text: total, and the same for paths that match the same requests.
    private static func shape(_ segments: [PathSegment]) -> [String] {
        segments.map { segment in
            switch segment {
            case .literal(let text): "0" + text
            case .parameter: "1"
            }
        }
    }

    /// - Parameter path: as `RequestTarget` has it: visible ASCII.
    func find(_ method: HTTPRequest.Method, _ path: Substring) -> Match {
        if let node = exact[path] { return match(node, method, Parameters()) }
        guard !patterns.isEmpty, path.utf8.first == UInt8(ascii: "/") else { return .none }
        let parts = path.utf8.dropFirst().split(
            separator: UInt8(ascii: "/"), maxSplits: 64, omittingEmptySubsequences: false)
        guard let nodes = patterns[parts.count] else { return .none }
        for node in nodes where RouteTable.fits(node.segments, parts) {
            var parameters = Parameters()
            for (segment, part) in zip(node.segments, parts) {
                guard case .parameter(let name) = segment else { continue }
                // Dot segments, written as they are or with escapes, lead elsewhere for whoever resolves them.
                guard let value = PercentCoding.decode(part, plusIsSpace: false), value != ".", value != ".." else {
                    return .malformedPath
                }
                parameters[name[...]] = value[...]
            }
            return match(node, method, parameters)
        }
        return .none
    }

    private func match(_ node: Node, _ method: HTTPRequest.Method, _ parameters: Parameters) -> Match {
        guard let route = node.route(for: method) else { return .otherMethod(allowed: node.methods) }
        return .found(route, parameters)
    }

    private static func fits(_ segments: [PathSegment], _ parts: [Substring.UTF8View]) -> Bool {
        for (segment, part) in zip(segments, parts) {
            switch segment {
            case .literal(let text): if !part.elementsEqual(text.utf8) { return false }
            case .parameter: if part.isEmpty { return false }
            }
        }
        return true
    }
}

extension RouteTable.Node {
    mutating func add(_ route: Route) {
        precondition(
            !routes.contains { $0.method == route.method }, "\(route.method.rawValue) \(route.path) is registered twice"
        )
        routes.append(route)
    }
}
