import Contracts
import Foundation
import JOSE
import Logging
import ServiceKit
import StrictJSON
import Synchronization

/// Asks the issuer whether a token is still good (RFC 7662), with the credentials of a client that may.
///
/// One request at a time for a token however many ask, within a short time, and a bounded number of them at once: the
/// fallback for when the feed of revocations is stale must not become a storm.
public final class Introspector: Sendable {
    public struct Options: Sendable {
        public var timeout: Duration = .milliseconds(500)
        /// Requests under way; beyond them the answer is `.overloaded`.
        public var maxConcurrent = 64
        /// How long (milliseconds) `active` may be given out again without asking: a revocation can go unnoticed for so
        /// much longer. 0 asks each time. What is not active is never remembered.
        public var cacheFor: Int64 = 0
        /// Answers remembered at most.
        public var cacheCapacity = 1_024

        public init() {}
    }

    public enum Failure: Error, Sendable, Hashable {
        /// No answer in time, or none that can be understood.
        case unavailable
        /// The issuer does not let this client ask.
        case refused
        case overloaded
    }

    /// What came of the requests, for metrics.
    public struct Statistics: Sendable, Hashable {
        /// Whether a token is active was told.
        public var answered: UInt64 = 0
        public var unavailable: UInt64 = 0
        public var refused: UInt64 = 0
        public var overloaded: UInt64 = 0
    }

    /// How introspection fares.
    public enum Condition: Sendable, Hashable {
        /// Nobody has asked yet.
        case unknown
        case working
        case failing(Failure)
    }

    private struct State {
        var flights: [String: Task<Result<Bool, Failure>, Never>] = [:]
        /// Milliseconds until which a token counts as active.
        var active: [String: Int64] = [:]
        var statistics = Statistics()
        var reports = ConditionReports()
    }

    public let url: String
    private let authorization: Sensitive<String>
    private let options: Options
    private let transport: HTTPTransport
    private let clock: @Sendable () -> Int64
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameter url: of the introspection endpoint.
    public convenience init(
        url: String, clientID: String, clientSecret: Sensitive<String>, options: Options = Options(),
        security: HTTPTransportSecurity = HTTPTransportSecurity(),
        logger: Logger = Logger(label: "introspection"),
        clock: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() }
    ) throws {
        self.init(
            url: url, clientID: clientID, clientSecret: clientSecret, options: options,
            transport: try HTTPTransport(security), logger: logger, clock: clock)
    }

    init(
        url: String, clientID: String, clientSecret: Sensitive<String>, options: Options, transport: HTTPTransport,
        logger: Logger, clock: @escaping @Sendable () -> Int64
    ) {
        self.url = url
        self.options = options
        self.transport = transport
        self.logger = logger
        self.clock = clock
        authorization = BasicCredentials.header(clientID, clientSecret)
    }

    public var statistics: Statistics { state.withLock { $0.statistics } }

    public var condition: Condition { state.withLock { $0.reports.condition } }

    /// Whether the issuer says `active` of the token now.
    public func isActive(_ token: String) async throws(Failure) -> Bool {
        let now = clock()
        let flight: Task<Result<Bool, Failure>, Never>?
        do throws(Failure) {
            flight = try begin(token, now)
        } catch {
            note(.failing(error), status: nil)
            throw error
        }
        guard let flight else { return true }
        return try await flight.value.get()
    }

    /// Asks about a token that cannot exist: finds out whether the issuer answers and takes this client's credentials.
    public func checkCredentials() async { _ = try? await isActive("credentials-check") }

    /// nil when the token was active a moment ago.
    private func begin(_ token: String, _ now: Int64) throws(Failure) -> Task<Result<Bool, Failure>, Never>? {
        try state.withLock { state throws(Failure) -> Task<Result<Bool, Failure>, Never>? in
            if let until = state.active[token] {
                if now < until { return nil }
                state.active[token] = nil
            }
            if let flight = state.flights[token] { return flight }
            guard state.flights.count < options.maxConcurrent else { throw .overloaded }
            // Not the caller's: others wait for it as well.
            let task = Task { [self] in
                let (answer, status) = await ask(token)
                end(token, answer)
                switch answer {
                case .success: note(.working, status: status)
                case .failure(let failure): note(.failing(failure), status: status)
                }
                return answer
            }
            state.flights[token] = task
            return task
        }
    }

    private func end(_ token: String, _ answer: Result<Bool, Failure>) {
        let now = clock()
        state.withLock { state in
            state.flights[token] = nil
            guard options.cacheFor > 0, case .success(true) = answer else { return }
            if state.active.count >= options.cacheCapacity {
                state.active = state.active.filter { $0.value > now }
                if state.active.count >= options.cacheCapacity { return }
            }
            state.active[token] = now + options.cacheFor
        }
    }

    private func ask(_ token: String) async -> (Result<Bool, Failure>, status: Int?) {
        let form = "token=" + BasicCredentials.formEncoded(token) + "&token_type_hint=access_token"
        let headers = [
            ("Authorization", authorization.exposed), ("Accept", "application/json"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ]
        guard
            let answer = try? await transport.send(
                "POST", url, headers: headers, body: Array(form.utf8), limit: 65_536, timeout: options.timeout)
        else { return (.failure(.unavailable), nil) }
        return (Introspector.meaning(of: answer), answer.status)
    }

    private static func meaning(of answer: HTTPTransport.Answer) -> Result<Bool, Failure> {
        switch answer.status {
        case 200:
            guard let json = try? JSONValue(parsing: answer.body), let active = json["active"]?.bool else {
                return .failure(.unavailable)
            }
            return .success(active)
        case 400, 401, 403: return .failure(.refused)
        default: return .failure(.unavailable)
        }
    }

    /// Counts what came of a request, and logs it when that is another than before.
    private func note(_ condition: Condition, status: Int?) {
        let isTold = state.withLock { state in
            switch condition {
            case .unknown: break
            case .working: state.statistics.answered += 1
            case .failing(.unavailable): state.statistics.unavailable += 1
            case .failing(.refused): state.statistics.refused += 1
            case .failing(.overloaded): state.statistics.overloaded += 1
            }
            return state.reports.note(condition, monotonic: MonotonicClock.milliseconds())
        }
        guard isTold else { return }
        var metadata: Logger.Metadata = ["url": "\(url)"]
        if let status { metadata["status"] = "\(status)" }
        switch condition {
        case .unknown: break
        case .working: logger.info("introspection works", metadata: metadata)
        case .failing(.unavailable): logger.warning("introspection is not answered", metadata: metadata)
        case .failing(.refused):
            logger.error(
                "introspection is refused: CLIENT_ID, CLIENT_SECRET or the permission tokens:introspect is wrong",
                metadata: metadata)
        case .failing(.overloaded): logger.warning("too much is introspected at once", metadata: metadata)
        }
    }
}
