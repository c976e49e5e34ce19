import NIOCore
import ServiceKit

/// Brings requests to the lean handlers of hot routes, as `SecureResponder` does to ordinary ones, for as long as all is
/// well: whatever would be refused or waited for goes the ordinary way from its beginning.
struct LeanCarrier: Sendable {
    let routes: HotRoutes
    private let hot: [HotRoute]
    private let authenticator: (any ImmediateAuthenticator)?
    private let options: SecureRouter.Options

    init(_ hot: [HotRoute], authenticator: any Authenticator, options: SecureRouter.Options) {
        var routes = HotRoutes()
        for each in hot {
            routes.append(
                method: each.route.method.rawValue, path: each.route.path, bodyLimit: each.route.options.bodyLimit)
        }
        self.routes = routes
        self.hot = hot
        self.authenticator = authenticator as? any ImmediateAuthenticator
        self.options = options
    }

    func respond(to request: HotRequest, route index: Int, _ reply: HotReply) {
        let start = NIODeadline.now()
        let found = hot[index]
        let now = options.clock()
        var identity: Identity?
        if found.route.access != .public {
            identity = admitted(request, found.route.access, now: now)
            guard identity != nil else { return reply.passOn() }
        }
        found.handler(HotCall(request, found.route, identity, receivedAt: now, start: start, reply, options))
    }

    /// The caller when she is known at once and may do what the route asks for.
    private func admitted(_ request: HotRequest, _ access: Access, now: Int64) -> Identity? {
        let certificate = { PeerCertificates.shared.thumbprint(of: request.channel) }
        guard let authenticator, let authorization = request.header("authorization"),
            let identity = authenticator.identityAtHand(authorization: authorization, certificate: certificate),
            (try? AccessDecision.check(
                identity, for: access, now: now / 1000,
                certificate: identity.confirmation == nil ? nil : certificate())) != nil
        else { return nil }
        return identity
    }
}

extension SecureResponder: HotResponder {
    package var hotRoutes: HotRoutes { lean.routes }

    package func respond(to request: HotRequest, route: Int, _ reply: HotReply) {
        lean.respond(to: request, route: route, reply)
    }
}
