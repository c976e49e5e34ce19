import APISecurity
import Contracts
import Hummingbird

/// A request context that an identity can be put into, for services with a router of Hummingbird's own.
public protocol IdentityRequestContext: RequestContext {
    /// Who asks. nil on public routes only.
    var identity: Identity? { get set }
    /// `x5t#S256` of the certificate that the client showed and the server verified; nil where there is none.
    var clientCertificateThumbprint: String? { get }
}

extension IdentityRequestContext {
    public var clientCertificateThumbprint: String? { nil }
}

/// Knows the caller of a request and asks what its group of routes asks, for services that do not use `SecureRouter`.
///
///     let security = SecurityMiddleware<MyContext>(client.tokenAuthenticator)
///     router.group("orders").add(middleware: security.requiring(.permission("orders:view"))).get { ... }
///
/// As it is made it lets nobody through: every group says what it requires.
public struct SecurityMiddleware<Context: IdentityRequestContext>: RouterMiddleware {
    private let authenticator: TokenAuthenticator
    private let access: Access?
    private let clock: @Sendable () -> Int64

    /// - Parameter clock: milliseconds since the epoch.
    public init(
        _ authenticator: TokenAuthenticator, clock: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() }
    ) {
        self.init(authenticator, nil, clock)
    }

    private init(_ authenticator: TokenAuthenticator, _ access: Access?, _ clock: @escaping @Sendable () -> Int64) {
        self.authenticator = authenticator
        self.access = access
        self.clock = clock
    }

    /// The middleware for routes that ask for `access`.
    public func requiring(_ access: Access) -> Self { Self(authenticator, access, clock) }

    public func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard let access else { throw Problem.forbidden("access-not-stated") }
        if case .public = access { return try await next(request, context) }
        var context = context
        context.identity = try await identity(request, context, access)
        return try await next(request, context)
    }

    private func identity(
        _ request: Request, _ context: Context, _ access: Access
    ) async throws(Problem) -> Identity {
        let identity: Identity
        do {
            identity = try await authenticator.authenticate(request, risk: access.risk) {
                context.clientCertificateThumbprint
            }
        } catch { throw Challenge.problem(error, to: scheme(of: request)) }
        do {
            try AccessDecision.check(
                identity, for: access, now: clock() / 1000, certificate: context.clientCertificateThumbprint)
        } catch { throw Challenge.problem(error, to: scheme(of: request)) }
        return identity
    }

    private func scheme(of request: Request) -> AuthorizationCredentials.Scheme {
        (try? AuthorizationCredentials(request))?.scheme ?? .bearer
    }
}
