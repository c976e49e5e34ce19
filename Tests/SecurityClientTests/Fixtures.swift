import APISecurity
import Contracts
import Hummingbird
import JOSE
import Logging
import StrictJSON
import Synchronization
import TestSupport
import Testing

@testable import SecurityClient

let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// A time of day that tests set, and time that passes beside it.
final class TestClock: Sendable {
    static let start: Int64 = 1_800_000_000_123
    private let value = Atomic<Int64>(TestClock.start)
    private let passed = Atomic<Int64>(0)

    var now: Int64 { value.load(ordering: .relaxed) }
    var seconds: Int64 { now / 1000 }
    /// Time passes.
    func advance(_ milliseconds: Int64) {
        step(milliseconds)
        passed.add(milliseconds, ordering: .relaxed)
    }
    /// The time of day is set, forward or back, and no time passes.
    func step(_ milliseconds: Int64) { value.add(milliseconds, ordering: .relaxed) }
    func set(_ milliseconds: Int64) { value.store(milliseconds, ordering: .relaxed) }
    var read: @Sendable () -> Int64 { { [self] in now } }
    var monotonic: @Sendable () -> Int64 { { [self] in passed.load(ordering: .relaxed) } }
}

final class Box<Value: Sendable>: Sendable {
    private let state: Mutex<Value>
    init(_ value: Value) { state = Mutex(value) }
    var value: Value { state.withLock { $0 } }
    @discardableResult
    func update<T: Sendable>(_ body: (inout Value) -> T) -> T { state.withLock { body(&$0) } }
}

/// Keys made once: making RSA keys takes long.
enum TestKeys {
    static let rsa = make(.RS256, "rsa-1")
    static let otherRSA = make(.RS256, "rsa-2")
    static let ec = make(.ES256, "ec-1")
    static let otherEC = make(.ES256, "ec-1")

    private static func make(_ algorithm: JWSAlgorithm, _ id: String) -> SigningKey {
        do { return try SigningKey.generate(algorithm, keyID: id) } catch { preconditionFailure("\(error)") }
    }
}

/// Makes access tokens as token-service does, and as it would not.
struct TestIssuer {
    static let name = "https://issuer.test"
    var key = TestKeys.rsa
    let clock: TestClock

    /// The claims of a person's token of this moment.
    func claims(session: String? = "session-1", subject: String = "usr_1") -> JSONObject {
        var claims: JSONObject = [
            "iss": .string(TestIssuer.name), "sub": .string(subject), "aud": "jts",
            "exp": .int(clock.seconds + 900), "iat": .int(clock.seconds), "nbf": .int(clock.seconds),
            "iat_ms": .int(clock.now), "jti": .string("t-\(Int.random(in: 0 ... .max))"), "client_id": "web",
            "scope": "orders:view orders:place", "auth_time": .int(clock.seconds - 10), "amr": ["pwd", "otp"],
            "acr": "urn:jts:acr:2", "roles": ["trader"],
            "permissions": ["orders:view", "orders:place", "orders:cancel"], "email": "a@example.test",
            "device_id": "d-1",
        ]
        claims["sid"] = session.map(JSONValue.string)
        return claims
    }

    func token(_ change: (inout JSONObject) -> Void = { _ in }) throws -> String {
        var claims = claims()
        change(&claims)
        return try sign(claims)
    }

    func sign(_ claims: JSONObject, type: String = "at+jwt") throws -> String {
        try JWT.sign(payload: .object(claims), with: key, type: type)
    }

    /// A token with a header of any kind, properly signed.
    func token(header: JSONObject, _ change: (inout JSONObject) -> Void = { _ in }) throws -> String {
        var claims = claims()
        change(&claims)
        return try JWT.sign(
            header: JSONValue.object(header).encoded(), payload: JSONValue.object(claims).encoded(), with: key)
    }

    var header: JSONObject { ["alg": .string(key.algorithm.rawValue), "typ": "at+jwt", "kid": .string(key.keyID)] }
}

/// A verifier with its surroundings.
struct TestVerifier {
    let clock = TestClock()
    let keys = Box([TestKeys.rsa.publicJWK, TestKeys.ec.publicJWK])
    let revocations: RevocationSet
    let verifier: TokenVerifier
    let issuer: TestIssuer

    init(_ change: (inout TokenVerifier.Options) -> Void = { _ in }) {
        var options = TokenVerifier.Options(issuer: TestIssuer.name, audience: "jts")
        change(&options)
        revocations = RevocationSet(clock: clock.read, monotonic: clock.monotonic)
        let keys = keys
        verifier = TokenVerifier(
            options, keys: LocalJWKS { keys.value }, revocations: revocations, clock: clock.read)
        issuer = TestIssuer(clock: clock)
    }

    /// Why a token is refused; nil when it is not.
    func refusal(_ token: String) async -> TokenRefusal? {
        do throws(TokenRefusal) {
            _ = try await verifier.verify(token)
            return nil
        } catch { return error }
    }
}

/// An HTTP server on a loopback port for as long as this object lives.
final class TestServer: Sendable {
    let port: Int
    private let task: Task<Void, any Error>

    init(_ router: Router<BasicRequestContext>) async throws {
        let port = try freePort()
        self.port = port
        let running = Box(false)
        let app = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { _ in running.update { $0 = true } }, logger: quiet)
        let task = Task { try await app.runService(gracefulShutdownSignals: []) }
        self.task = task
        try await eventually("the server runs") { running.value }
    }

    deinit { task.cancel() }

    func stop() async {
        task.cancel()
        _ = try? await task.value
    }

    var url: String { "http://127.0.0.1:\(port)" }
}

extension Substring {
    var text: String { String(self) }
}
