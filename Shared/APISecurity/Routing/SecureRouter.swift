import Contracts
import HTTPTypes
import Hummingbird
import ServiceKit
import Synchronization

/// Collects the routes of an API. Each states what it asks of its caller: there is no way to register one that does not.
///
///     let router = SecureRouter(authenticator: verifier)
///     router.get("/v1/orders/{id}", .permission("orders:view")) { request, context in ... }
public final class SecureRouter: Sendable {
    /// What is written to the log about requests. Failures of ours (5xx) are always written.
    public enum AccessLog: String, Sendable, CaseIterable {
        case all
        /// What was refused.
        case errors
        case none
    }

    public struct Options: Sendable {
        public var metrics: MetricsRegistry
        /// Milliseconds since the epoch.
        public var clock: @Sendable () -> Int64
        public var trustedProxies: TrustedProxies
        /// The API is reached over TLS: answers say `Strict-Transport-Security`.
        public var strictTransport: Bool
        public var accessLog: AccessLog
        /// What is answered to errors that are no `Problem`, such as those of a store that cannot be reached; nil makes
        /// it a 500.
        public var problem: @Sendable (any Error) -> Problem?
        /// Puts requests that are answered 401 or 403 on record.
        package var refusals: AccessRefusals?

        public init(
            metrics: MetricsRegistry = .shared, clock: @escaping @Sendable () -> Int64 = SecureRouter.systemClock,
            trustedProxies: TrustedProxies = .none, strictTransport: Bool = false, accessLog: AccessLog = .errors,
            problem: @escaping @Sendable (any Error) -> Problem? = { _ in nil }
        ) {
            self.metrics = metrics
            self.clock = clock
            self.trustedProxies = trustedProxies
            self.strictTransport = strictTransport
            self.accessLog = accessLog
            self.problem = problem
        }
    }

    public let authenticator: any Authenticator
    public let options: Options
    private let registered = Mutex<[Route]>([])
    private let hot = Mutex<[HotRoute]>([])

    public init(authenticator: any Authenticator, options: Options = Options()) {
        self.authenticator = authenticator
        self.options = options
    }

    /// All routes, for tests and for the OpenAPI document.
    public var routes: [Route] { registered.withLock { $0 } }

    /// Registers a route.
    /// - Precondition: the path starts with a slash and the method is not registered for it yet.
    @discardableResult
    public func on(
        _ method: HTTPRequest.Method, _ path: String, _ access: Access, options: RouteOptions = .standard,
        use handler: @escaping Route.Handler
    ) -> Route {
        precondition(method != .trace && method != .connect, "\(method.rawValue) is not served")
        let metrics = RouteMetrics(self.options.metrics, method: method.rawValue, path: path)
        let route = Route(method, path, access, options, metrics, handler)
        registered.withLock { $0.append(route) }
        return route
    }

    func add(_ route: HotRoute) { hot.withLock { $0.append(route) } }

    @discardableResult
    public func get(
        _ path: String, _ access: Access, options: RouteOptions = .standard, use handler: @escaping Route.Handler
    ) -> Route { on(.get, path, access, options: options, use: handler) }

    @discardableResult
    public func post(
        _ path: String, _ access: Access, options: RouteOptions = .standard, use handler: @escaping Route.Handler
    ) -> Route { on(.post, path, access, options: options, use: handler) }

    @discardableResult
    public func put(
        _ path: String, _ access: Access, options: RouteOptions = .standard, use handler: @escaping Route.Handler
    ) -> Route { on(.put, path, access, options: options, use: handler) }

    @discardableResult
    public func patch(
        _ path: String, _ access: Access, options: RouteOptions = .standard, use handler: @escaping Route.Handler
    ) -> Route { on(.patch, path, access, options: options, use: handler) }

    @discardableResult
    public func delete(
        _ path: String, _ access: Access, options: RouteOptions = .standard, use handler: @escaping Route.Handler
    ) -> Route { on(.delete, path, access, options: options, use: handler) }

    /// Milliseconds since the epoch.
    public static let systemClock: @Sendable () -> Int64 = { WallClock.milliseconds() }
}

extension SecureRouter: HTTPResponderBuilder {
    /// What answers requests. Routes that are registered later do not count.
    public func buildResponder() -> SecureResponder {
        let lean = LeanCarrier(hot.withLock { $0 }, authenticator: authenticator, options: options)
        return SecureResponder(routes: routes, lean: lean, authenticator: authenticator, options: options)
    }
}

/// Knows nobody: for services all of whose routes are public.
public struct NoAuthenticator: Authenticator {
    public init() {}

    public func authenticate(
        _ request: Request, _ context: APIContext
    ) async throws(AuthenticationError) -> Identity {
        throw .missingCredentials
    }
}
