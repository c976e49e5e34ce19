import APISecurity
import Hummingbird
import Logging
import SecurityClient
import ServiceKit

/// The code of `docs/trading-services.md`, so that it is known to compile.
enum DocumentedService {
    static func make(_ logger: Logger) throws -> some ApplicationProtocol {
        let source = ConfigSource()
        let configuration = SecurityClientConfiguration(source)
        try source.finish()
        let security = try SecurityClient(configuration, logger: logger)

        let router = SecureRouter(authenticator: security.authenticator)
        router.post("/v1/orders", .permission("orders:place")) { _, context in
            let trader = try context.requireIdentity()
            return .json(["placed_by": .string(trader.subject)], status: .created)
        }

        let health = HealthChecks()
        security.registerHealth(on: health)
        let app = Application(router: router, services: security.services, logger: logger)
        return app
    }

    struct OrderContext: IdentityRequestContext {
        var coreContext: CoreRequestContextStorage
        var identity: Identity?
        init(source: ApplicationRequestContextSource) { coreContext = .init(source: source) }
    }

    static func add(to plain: Router<OrderContext>, _ security: SecurityClient) {
        let guarded = SecurityMiddleware<OrderContext>(security.tokenAuthenticator)
        plain.group("v1/orders").add(middleware: guarded.requiring(.permission("orders:view"))).get { _, context in
            context.identity?.subject ?? ""
        }
    }
}
