import APISecurity
import Cedar
import Contracts
import HTTPTypes
import Hummingbird
import NIOCore
import SecurityClient

/// `/v1/forward-auth`: may this request pass the edge? For nginx's `auth_request`, which describes it in headers, and for
/// Envoy's ext_authz over HTTP, which sends its own method and appends the path.
///
/// It is public to the router, as it knows its caller by itself: the token's holder, not the proxy. Every request has its
/// token verified; what policies say of it is kept for a moment (`ForwardAuthCache`).
final class ForwardAuthAPI: Sendable {
    /// A decision, and how it is answered.
    struct Decided: Sendable {
        let decision: AuthorizationDecision
        let subject: AuthorizationSubject
        let resource: EntityUID
        let action: String
        /// Of 200.
        let head: HotHead?
        /// It allows, and nothing has to go on record.
        let isPlain: Bool
    }

    static let path = "/v1/forward-auth"

    private let routes: ForwardAuthRoutes
    private let certificates: ForwardAuthRequest.CertificateHeader
    private let point: DecisionPoint
    private let shadow: ShadowEvaluation
    private let authenticator: any Authenticator
    /// The same, where it can do more.
    private let immediate: (any ImmediateAuthenticator)?
    private let record: DecisionRecord?
    private let cache = ForwardAuthCache<Decided>()

    init(
        routes: ForwardAuthRoutes, certificates: ForwardAuthRequest.CertificateHeader, point: DecisionPoint,
        shadow: ShadowEvaluation, authenticator: any Authenticator, record: DecisionRecord?
    ) {
        self.routes = routes
        self.certificates = certificates
        self.point = point
        self.shadow = shadow
        self.authenticator = authenticator
        immediate = authenticator as? any ImmediateAuthenticator
        self.record = record
    }

    func register(on router: SecureRouter) {
        // The router keeps the handlers, and they need it for nothing but the headers of every answer.
        let head: @Sendable (HTTPFields) -> HotHead? = { [weak router] in router?.hotHead(.ok, $0) }
        // Envoy puts the original request there, whose parameters are not this one's.
        var options = RouteOptions.standard
        options.readsQuery = false
        router.hot(.get, ForwardAuthAPI.path, .public, options: options, lean: { self.check($0, head) }) {
            request, context in
            try await self.check(request, context, head)
        }
        for method in [HTTPRequest.Method.post, .put, .patch, .delete, .options] {
            router.on(method, ForwardAuthAPI.path, .public, options: options) { request, context in
                try await self.check(request, context, head)
            }
        }
    }

    // MARK: The two carriers

    private func check(
        _ request: Request, _ context: APIContext, _ head: (HTTPFields) -> HotHead?
    ) async throws -> Response {
        func header(_ name: HTTPField.Name) -> String? {
            let values = request.headers[values: name]
            return values.count == 1 ? values[0] : nil
        }
        let described: ForwardAuthRequest?
        if let query = request.head.path?.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
            .dropFirst().first
        {
            described = ForwardAuthRequest(method: request.method.rawValue, query: query)
        } else {
            described = ForwardAuthRequest(
                method: header(.originalMethod), originalURI: header(.originalURI),
                envoyOriginalPath: header(.envoyOriginalPath))
        }
        guard let described, let target = routes.target(described.method, described.path) else {
            throw Problem.forbidden("no-such-route", detail: "Nothing is let through by this method and path.")
        }
        let certificate: String?
        if context.isFromTrustedProxy {
            certificate = certificates.name.flatMap(header).flatMap { ForwardAuthRequest.thumbprint($0, certificates) }
        } else {
            certificate = context.clientCertificateThumbprint
        }
        let (identity, token) = try await known(request, described, target, certificate, context)
        let decided = try decide(
            target, described, identity, token: token, certificate: certificate, address: context.remoteAddress,
            now: context.receivedAt, head)
        record?.note(
            decided.decision, action: decided.action, resource: decided.resource, subject: decided.subject,
            .init(requestID: context.requestID, trace: context.traceparent))
        switch decided.decision.outcome {
        case .allowed:
            return Response(status: .ok, headers: ForwardAuthAPI.fields(identity.subject, decided.decision))
        case .denied:
            var problem = Problem.forbidden("denied-by-policy", detail: decided.decision.statedReason)
            problem.extensions["policies"] = .array(decided.decision.policyIDs.map { .string($0) })
            problem.extensions["policy_version"] = decided.decision.version.map { .int($0) }
            throw problem
        case .unavailable: throw Problem.unavailable(detail: "Policies cannot decide this at the moment.")
        }
    }

    /// The same for callers that are known at once and let through, where nothing goes on record.
    private func check(_ call: HotCall, _ head: (HTTPFields) -> HotHead?) {
        let request = call.request
        guard
            let described = ForwardAuthRequest(
                method: request.header("x-original-method"), originalURI: request.header("x-original-uri"),
                envoyOriginalPath: request.header("x-envoy-original-path")),
            let target = routes.target(described.method, described.path),
            let authorization = request.header("authorization"),
            let authenticator = immediate
        else { return call.passOn() }
        let certificate: String?
        if call.isFromTrustedProxy {
            let value: String? =
                switch certificates {
                case .none: nil
                case .thumbprint: request.header("x-client-cert-thumbprint")
                case .pem: request.header("x-client-cert")
                case .envoy: request.header("x-forwarded-client-cert")
                }
            certificate = value.flatMap { ForwardAuthRequest.thumbprint($0, certificates) }
        } else {
            certificate = call.clientCertificateThumbprint
        }
        guard
            let identity = authenticator.identityAtHand(authorization: authorization, certificate: { certificate }),
            let token = try? AuthorizationCredentials(header: authorization).token,
            let decided = try? decide(
                target, described, identity, token: token, certificate: certificate, address: call.remoteAddress,
                now: call.receivedAt, head),
            decided.isPlain, let head = decided.head
        else { return call.passOn() }
        call.answer(head, [])
    }

    // MARK: Who asks, and what is decided

    /// The token's holder. nginx takes no other refusals than 401 and 403: a token that is no token is answered 401.
    private func known(
        _ request: Request, _ described: ForwardAuthRequest, _ target: ForwardAuthRoutes.Target,
        _ certificate: String?, _ context: APIContext
    ) async throws(Problem) -> (Identity, token: String) {
        do throws(AuthenticationError) {
            let token = try AuthorizationCredentials(request).token
            let identity: Identity
            if let authenticator = authenticator as? any ForwardedAuthenticator {
                // What a proof of possession speaks of is the original request (RFC 9449 section 4.2).
                var head = request.head
                head.method = HTTPRequest.Method(described.method) ?? request.method
                head.path = described.path
                identity = try await authenticator.authenticate(
                    Request(head: head, body: RequestBody(buffer: ByteBuffer())), risk: risk(of: target)
                ) { certificate }
            } else {
                identity = try await authenticator.authenticate(request, context)
            }
            if case .certificate(let thumbprint)? = identity.confirmation, thumbprint != certificate {
                throw AuthenticationError.invalidToken("the token is bound to another certificate")
            }
            return (identity, token)
        } catch {
            let scheme: AuthorizationCredentials.Scheme =
                request.headers[.authorization]?.lowercased().hasPrefix("dpop ") == true ? .dpop : .bearer
            var problem = Challenge.problem(error, to: scheme)
            if problem.status == .badRequest { problem.status = .unauthorized }
            throw problem
        }
    }

    /// By which it is decided whether it may go on while revocations cannot be known.
    private func risk(of target: ForwardAuthRoutes.Target) -> RiskClass {
        point.snapshotIfAny.map { Authorizer.risk(of: target.action, $0.policies) } ?? .neutral
    }

    private func decide(
        _ target: ForwardAuthRoutes.Target, _ described: ForwardAuthRequest, _ identity: Identity, token: String,
        certificate: String?, address: String, now: Int64, _ head: (HTTPFields) -> HotHead?
    ) throws(DecisionPoint.NoPolicies) -> Decided {
        let key = ForwardAuthCache<Decided>.Key(
            token: token, certificate: certificate, address: address, method: described.method, path: described.path)
        // Before the snapshot: what is decided by a newer one may count as older, never the other way round.
        let epoch = point.epoch
        if let known = cache.value(key, epoch: epoch, now: now) { return known }
        let snapshot = try point.snapshot()
        let subject = AuthorizationSubject(identity, certificate: certificate != nil, address: address, now: now)
        let request = AuthorizationRequest(
            principal: subject.principal,
            action: EntityUID(type: AuthorizationSubject.Names.action, id: CedarString(target.action)),
            resource: target.resource, context: subject.context)
        let entities = [subject.entity(in: snapshot, for: target.resource, with: [])]
        let verdict = snapshot.policies.compiled.authorize(request, in: snapshot.store, with: entities)
        let outcome = Authorizer.outcome(verdict, of: target.action, snapshot.policies)
        let decision = AuthorizationDecision(
            outcome: outcome, policies: verdict.determiningPolicies, errors: verdict.errors,
            version: snapshot.policies.version, sequence: snapshot.policies.sequence)
        let isPlain = decision.isAllowed && !DecisionRecord.isAlwaysRecorded(decision.policies)
        let decided = Decided(
            decision: decision, subject: subject, resource: target.resource, action: target.action,
            head: isPlain ? head(ForwardAuthAPI.fields(identity.subject, decision)) : nil, isPlain: isPlain)
        cache.keep(decided, for: key, epoch: epoch, now: now)
        shadow.note(
            .init(
                request: request, entities: entities, verdict: verdict, outcome: outcome, snapshot: snapshot, at: now))
        return decided
    }

    /// Of 200. No cache between keeps it: it would not hear of what ends it.
    private static func fields(_ subject: String, _ decision: AuthorizationDecision) -> HTTPFields {
        var fields: HTTPFields = [.authSubject: visible(subject), .cacheControl: "no-store"]
        if let version = decision.version { fields[.authPolicyVersion] = String(version) }
        return fields
    }

    /// Percent-encoded where it is not visible ASCII.
    private static func visible(_ subject: String) -> String {
        func isPlain(_ byte: UInt8) -> Bool { (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "%") }
        if subject.utf8.allSatisfy(isPlain) { return subject }
        return subject.utf8.map { byte in
            isPlain(byte)
                ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }
}

/// An authenticator that can be told what a proxy says of a request: the certificate and the act that is asked for.
protocol ForwardedAuthenticator: Authenticator {
    func authenticate(
        _ request: Request, risk: @autoclosure () -> RiskClass, certificate: () -> String?
    ) async throws(AuthenticationError) -> Identity
}

extension TokenAuthenticator: ForwardedAuthenticator {}

extension ForwardAuthRequest.CertificateHeader {
    fileprivate var name: HTTPField.Name? {
        switch self {
        case .none: nil
        case .thumbprint: .clientCertificateThumbprint
        case .pem: .clientCertificate
        case .envoy: .forwardedClientCertificate
        }
    }
}

extension HTTPField.Name {
    // Each is a token as RFC 9110 section 5.6.2 wants it.
    fileprivate static let originalMethod = HTTPField.Name("X-Original-Method")!
    fileprivate static let originalURI = HTTPField.Name("X-Original-URI")!
    fileprivate static let envoyOriginalPath = HTTPField.Name("X-Envoy-Original-Path")!
    fileprivate static let clientCertificateThumbprint = HTTPField.Name("X-Client-Cert-Thumbprint")!
    fileprivate static let clientCertificate = HTTPField.Name("X-Client-Cert")!
    fileprivate static let forwardedClientCertificate = HTTPField.Name("X-Forwarded-Client-Cert")!
    fileprivate static let authSubject = HTTPField.Name("X-Auth-Subject")!
    fileprivate static let authPolicyVersion = HTTPField.Name("X-Auth-Policy-Version")!
}
