import Contracts
import Hummingbird
import Logging
import StrictJSON

/// A request that was refused because of who asked: answered 401 or 403. Two that are equal are one kind of refusal.
package struct AccessRefusal: Sendable, Hashable {
    package enum Caller: Sendable, Hashable {
        /// Whoever holds the token, a person or a service.
        case subject(String)
        /// Nobody knows who: an address, of IPv6 the network (`AddressPrefix`).
        case address(String)
    }

    package var caller: Caller
    /// The route's, and never what a caller makes up.
    package var method: String
    package var path: String
    /// The last part of the problem's type, or an OAuth error code.
    package var reason: String

    /// What goes with a refusal and does not make it another one.
    package struct Occasion: Sendable {
        package var address: String
        package var requestID: String
        package var sessionID: String?
        /// What the route asks for.
        package var permission: String?
        package var trace: any EventTrace
    }
}

/// An error that is no `Problem` and is answered 401 or 403: the code by which the refusal is recorded.
package protocol NamedRefusal: Error {
    var refusalReason: String { get }
}

/// Puts refused requests on record, as `access-refused` on `security.events`.
package typealias AccessRefusals = RefusalReporter<AccessRefusal, AccessRefusal.Occasion>

extension RefusalReporter where Key == AccessRefusal, Detail == AccessRefusal.Occasion {
    /// - Parameter capacity: distinct refusals, and so events, a second.
    package convenience init(
        sink: any RefusalSink, capacity: Int = 10_000,
        clock: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() }, logger: Logger
    ) {
        self.init(kind: .accessRefused, sink: sink, capacity: capacity, clock: clock, logger: logger) { $0.event }
    }

    /// Notes a request that was answered, when the answer refuses it.
    /// - Parameter error: what was thrown instead of the answer, if anything was.
    func note(_ response: Response, _ error: (any Error)?, _ context: APIContext) {
        guard response.status == .unauthorized || response.status == .forbidden, let route = context.route else {
            return
        }
        let address = context.remoteAddress
        let reason: String
        switch error {
        case let problem as Problem: reason = problem.code
        case let named as any NamedRefusal: reason = named.refusalReason
        default: reason = response.status == .unauthorized ? "unauthorized" : "forbidden"
        }
        note(
            AccessRefusal(
                caller: (context.identity?.subject).map { .subject($0) } ?? .address(AddressPrefix.of(address)),
                method: route.method.rawValue, path: route.path, reason: reason),
            AccessRefusal.Occasion(
                address: address, requestID: context.requestID, sessionID: context.identity?.sessionID,
                permission: route.access.permission, trace: context.traceparent))
    }
}

extension RefusalTally where Key == AccessRefusal, Detail == AccessRefusal.Occasion {
    var event: SecurityEvent {
        var fields: JSONObject = ["method": .string(key.method), "route": .string(key.path)]
        fields["permission"] = detail.permission.map { .string($0) }
        fields["refusals"] = .int(Int64(count))
        if count > 1 { fields["last_at_ms"] = .int(last) }
        var subject: String?
        if case .subject(let known) = key.caller { subject = known }
        return SecurityEvent(
            .accessRefused, outcome: .refused, subject: subject, sessionID: detail.sessionID,
            reason: key.reason.replacing("-", with: "_"), at: first, requestID: detail.requestID, fields: fields,
            personal: ["address": .string(detail.address)], trace: detail.trace)
    }
}

extension Problem {
    /// The type without its namespace.
    var code: String {
        type.hasPrefix(Problem.namespace) ? String(type.dropFirst(Problem.namespace.count)) : type
    }
}
