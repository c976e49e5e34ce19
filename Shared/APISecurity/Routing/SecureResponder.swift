import Contracts
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Answers the requests of an API: finds the route, knows the caller, asks what the caller may do, runs the handler, and
/// turns whatever goes wrong into a problem. Every request passes through here, in this order.
public struct SecureResponder: HTTPResponder {
    public typealias Context = APIContext

    private let table: RouteTable
    private let unmatched: RouteMetrics
    private let authenticator: any Authenticator
    private let options: SecureRouter.Options
    private let security: SecurityHeaders
    let lean: LeanCarrier

    init(routes: [Route], lean: LeanCarrier, authenticator: any Authenticator, options: SecureRouter.Options) {
        table = RouteTable(routes)
        self.lean = lean
        self.authenticator = authenticator
        self.options = options
        security = SecurityHeaders(strictTransport: options.strictTransport)
        unmatched = RouteMetrics(options.metrics, method: "any", path: "none")
    }

    public func respond(to request: Request, context: APIContext) async throws -> Response {
        let start = ContinuousClock.now
        var context = context
        prepare(&context, request)
        var response: Response
        var thrown: (any Error)?
        do {
            response = try await answer(request, &context)
        } catch {
            response = failure(error, request, context)
            thrown = error
        }
        options.refusals?.note(response, thrown, context)
        complete(&response, request, context)
        let duration = ContinuousClock.now - start
        (context.route?.metrics ?? unmatched).record(status: response.status.code, duration)
        log(request, response, context, duration)
        return request.method == .head ? response.createHeadResponse() : response
    }

    // MARK: Before

    /// Takes over what the request says of itself, where that is well formed. One pass over its headers.
    private func prepare(_ context: inout APIContext, _ request: Request) {
        var requestID: String?
        var traceparent: String?
        var tracestate: String?
        var (repeatedID, repeatedTrace) = (false, false)
        for field in request.headers {
            // Most names differ from these in length already.
            let name = field.name.canonicalName
            switch name.utf8.count {
            case 12 where name == "x-request-id":
                repeatedID = requestID != nil
                requestID = field.value
            case 11 where name == "traceparent":
                repeatedTrace = traceparent != nil
                traceparent = field.value
            case 10 where name == "tracestate":
                tracestate = tracestate.map { "\($0),\(field.value)" } ?? field.value
            case 15 where name == "x-forwarded-for" && !options.trustedProxies.isEmpty:
                context.forwardedFor = context.forwardedFor.map { "\($0),\(field.value)" } ?? field.value
            default: break
            }
        }
        if let requestID, !repeatedID, RequestID.isWellFormed(requestID) { context.requestID = requestID }
        if let traceparent, !repeatedTrace {
            if let continued = TraceContext(
                traceparent: traceparent, tracestate: tracestate, span: UniqueNumbers.one())
            {
                context.traceparent = continued
            }
        }
        context.trustedProxies = options.trustedProxies
        context.receivedAt = options.clock()
    }

    // MARK: The request

    private func answer(_ request: Request, _ context: inout APIContext) async throws -> Response {
        guard let target = RequestTarget(request.head.path ?? "") else {
            throw Problem.badRequest("bad-path", detail: "The request target is malformed.")
        }
        switch table.find(request.method, target.path) {
        case .found(let route, let parameters):
            context.route = route
            context.coreContext.parameters = parameters
            context.coreContext.endpointPath.value = route.path
            if let query = target.query, route.options.readsQuery {
                context.query = try QueryParameters(query.utf8)
            }
            try await admit(request, &context, route)
            return try await CurrentTrace.$value.withValue(context.traceparent) { [context] in
                try await route.handler(request, context)
            }
        case .otherMethod(let allowed):
            throw Problem(
                status: .methodNotAllowed, type: "method-not-allowed", title: "The method is not served here",
                headers: [.allow: allowed.map(\.rawValue).joined(separator: ", ")])
        case .malformedPath: throw Problem.badRequest("bad-path", detail: "The path is malformed.")
        case .none: throw Problem.notFound()
        }
    }

    /// Knows the caller and asks what the route asks; throws what the caller is told.
    private func admit(_ request: Request, _ context: inout APIContext, _ route: Route) async throws(Problem) {
        if case .public = route.access { return }
        let identity: Identity
        do {
            identity = try await authenticator.authenticate(request, context)
        } catch { throw Challenge.problem(error, to: AuthorizationCredentials.scheme(of: request)) }
        // Also of who is refused: for the record.
        context.identity = identity
        do {
            try AccessDecision.check(
                identity, for: route.access, now: context.receivedAt / 1000,
                certificate: identity.confirmation == nil ? nil : context.clientCertificateThumbprint)
        } catch { throw Challenge.problem(error, to: AuthorizationCredentials.scheme(of: request)) }
    }

    // MARK: After

    private func failure(_ error: any Error, _ request: Request, _ context: APIContext) -> Response {
        switch error {
        case let problem as Problem: return problem.response()
        case is NIOTooManyBytesError: return Problem.tooLarge(limit: context.bodyLimit).response()
        case is CancellationError: return Problem.unavailable().response()
        case let error as HTTPError: return SecureResponder.problem(error).response()
        case let error as any HTTPResponseError:
            if let response = try? error.response(from: request, context: context) { return response }
        default: break
        }
        if let problem = options.problem(error) {
            context.logger.warning(
                "a request was not served",
                metadata: ["error": .string(SecureResponder.name(error)), "route": route(context)])
            return problem.response()
        }
        context.logger.error(
            "a request failed unexpectedly",
            metadata: ["error": .string(SecureResponder.name(error)), "route": route(context)])
        return Problem.internalError.response()
    }

    /// What may be logged of an error that nobody foresaw: its type and, of an enumeration, its case. Its text may quote
    /// what the caller sent, or hold a secret.
    private static func name(_ error: any Error) -> String {
        let mirror = Mirror(reflecting: error)
        let type = String(reflecting: Swift.type(of: error))
        guard mirror.displayStyle == .enum, let label = mirror.children.first?.label else { return type }
        return "\(type).\(label)"
    }

    /// Hummingbird's own errors, such as a parameter that does not convert.
    private static func problem(_ error: HTTPError) -> Problem {
        if error.status.code >= 500 { return .internalError }
        return Problem(
            status: error.status, type: error.status == .notFound ? "not-found" : "bad-request",
            title: error.status.reasonPhrase, headers: error.headers)
    }

    private func complete(_ response: inout Response, _ request: Request, _ context: APIContext) {
        let isPrivate: Bool
        if case .public? = context.route?.access, request.method == .get || request.method == .head {
            isPrivate = response.status.code >= 400
        } else {
            isPrivate = true
        }
        var headers = security.complete(response.headers, requestID: context.requestID, isPrivate: isPrivate)
        // RFC 9110 section 8.6: none on 204, and on 304 only the size of what was not sent.
        if response.status == .noContent || response.status == .notModified { headers[.contentLength] = nil }
        response.headers = headers
    }

    private func log(_ request: Request, _ response: Response, _ context: APIContext, _ duration: Duration) {
        let status = response.status.code
        let level: Logger.Level
        switch (status, options.accessLog) {
        case (500..., _): level = status == 503 ? .warning : .error
        case (400..., .all), (400..., .errors), (_, .all): level = .info
        default: return
        }
        guard context.baseLogger.logLevel <= level else { return }
        let (seconds, attoseconds) = duration.components
        var metadata: Logger.Metadata = [
            "method": .string(SecureResponder.name(request.method)), "route": route(context),
            "status": .stringConvertible(status),
            "duration_us": .stringConvertible(seconds * 1_000_000 + attoseconds / 1_000_000_000_000),
            "address": .string(context.remoteAddress),
        ]
        if let identity = context.identity { metadata["subject"] = .string(identity.subject) }
        context.logger.log(level: level, "request", metadata: metadata)
    }

    /// A method may be any word of the caller's choice.
    private static func name(_ method: HTTPRequest.Method) -> String {
        let isKnown = [.get, .head, .post, .put, .patch, .delete, .options, .trace, .connect].contains(method)
        return isKnown ? method.rawValue : "other"
    }

    /// The route's pattern, never the path: paths may hold what should not be in a log.
    private func route(_ context: APIContext) -> Logger.MetadataValue { .string(context.route?.path ?? "none") }
}
