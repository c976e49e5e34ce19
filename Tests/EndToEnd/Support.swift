import Crypto
import Foundation
import JOSE
import StrictJSON
import Synchronization
import TestSupport
import Testing

/// Starts a system, lets the test use it, and ends it whatever happens.
func withSystem<Result>(
    _ options: TestSystemOptions = TestSystemOptions(), _ body: (TestSystem) async throws -> Result
) async throws -> Result {
    let system = try await TestSystem(options)
    do {
        let result = try await body(system)
        #expect(system.leaks == [], "secrets stand in a log")
        await system.shutdown()
        return result
    } catch {
        await system.shutdown()
        throw error
    }
}

/// Two token-services and order-api, for all tests that leave the system as they found it. It ends with the process.
enum SharedSystem {
    private static let started = Task {
        var options = TestSystemOptions()
        options.replicas = 2
        // Tests come from whatever addresses they say.
        options.environment = ["TRUSTED_PROXIES": "127.0.0.1"]
        return try await TestSystem(options)
    }

    static func get() async throws -> TestSystem { try await started.value }
}

/// An administrator of the system, whose next code is not used yet, as the walk-through keeps one: `walkthrough.json` in
/// a folder of its own.
func rememberedAdministrator(of system: TestSystem) async throws -> TemporaryDirectory {
    let admin = try await system.person("admin")
    let folder = try TemporaryDirectory("jts-memory")
    let memory: JSONValue = [
        "username": .string(admin.username), "password": .string(admin.password),
        "secret": .string(admin.secret ?? ""), "step": .int(admin.lastStep),
    ]
    try folder.write(String(decoding: memory.encoded(), as: UTF8.self), to: "walkthrough.json")
    return folder
}

/// `JTS_LONG=1` runs what takes long.
let isLong = ProcessInfo.processInfo.environment["JTS_LONG"] == "1"

/// An address that no other call of this process has given, in the form that a trusted proxy reports it.
func freshAddress() -> [String: String] {
    let number = addresses.withLock { count in
        count += 1
        return count
    }
    return ["X-Forwarded-For": "10.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"]
}

private let addresses = Mutex(0)

/// Runs one of the Python scripts beside the tests. What it has to know, secrets among it, comes from standard input.
@discardableResult
func python(_ script: String, _ input: JSONValue, within limit: Duration = .seconds(120)) async throws -> String {
    let text = String(decoding: input.encoded(), as: UTF8.self)
    return try await ChildProcess.check(
        Project.python, [Project.file("Tests/EndToEnd/\(script)")], environment: ["PYTHONDONTWRITEBYTECODE": "1"],
        input: text, within: limit)
}

extension TestHTTP {
    func refresh(_ token: String, headers: [String: String] = [:]) async throws -> Answer {
        try await call(
            "POST", "/oauth2/token", form: ["grant_type": "refresh_token", "refresh_token": token], headers: headers)
    }

    func placeOrder(
        _ token: String, key: String = UUID().uuidString, headers: [String: String] = [:]
    ) async throws -> Answer {
        var sent = headers
        sent["Idempotency-Key"] = key
        return try await call(
            "POST", "/v1/orders", json: ["symbol": "EURUSD", "side": "buy", "quantity": 100], token: token,
            headers: sent)
    }

    func introspect(_ token: String, as client: (id: String, secret: String)) async throws -> JSONValue {
        try await call("POST", "/oauth2/introspect", form: ["token": token], basic: (client.id, client.secret))
            .require(200).json
    }
}

/// The id of the key that signed a token, as its header says.
func keyID(_ token: String) throws -> String {
    let header = try JSONValue(parsing: Base64URL.decode(String(token.prefix { $0 != "." })) ?? [])
    return header["kid"]?.string ?? ""
}

/// Claims of a token, unverified.
func claims(_ token: String) throws -> JSONValue {
    let parts = token.split(separator: ".")
    guard parts.count == 3 else { throw TestHTTP.Unexpected(description: "no JWS") }
    return try JSONValue(parsing: Base64URL.decode(String(parts[1])) ?? [])
}

/// A client's key for DPoP (RFC 9449).
struct DPoPKey: Sendable {
    private let key = P256.Signing.PrivateKey()

    private var jwk: JSONObject {
        let point = key.publicKey.rawRepresentation
        return [
            "crv": "P-256", "kty": "EC", "x": .string(Base64URL.encode(Array(point.prefix(32)))),
            "y": .string(Base64URL.encode(Array(point.suffix(32)))),
        ]
    }

    /// RFC 7638: the members in this order.
    var thumbprint: String {
        Base64URL.encode(Array(SHA256.hash(data: JSONValue.object(jwk).encoded())))
    }

    /// A proof for one request (section 4.2).
    /// - Parameter token: the access token that goes with it.
    func proof(
        _ method: String, _ url: String, token: String? = nil, id: String = UUID().uuidString,
        at seconds: Int64 = Int64(Date().timeIntervalSince1970)
    ) throws -> String {
        let header: JSONValue = ["typ": "dpop+jwt", "alg": "ES256", "jwk": .object(jwk)]
        var payload: JSONObject = [
            "jti": .string(id), "htm": .string(method), "htu": .string(url), "iat": .int(seconds),
        ]
        if let token {
            payload["ath"] = .string(Base64URL.encode(Array(SHA256.hash(data: Data(token.utf8)))))
        }
        let signed =
            Base64URL.encode(header.encoded()) + "." + Base64URL.encode(JSONValue.object(payload).encoded())
        let signature = try key.signature(for: Data(signed.utf8)).rawRepresentation
        return signed + "." + Base64URL.encode(Array(signature))
    }
}

/// Does something again and again, with several clients at once, until it is stopped; collects what went wrong.
final class Load: Sendable {
    private struct State {
        var stopped = false
        var count = 0
        var faults: [String] = []
    }

    private let state = Mutex(State())
    private let tasks = Mutex<[Task<Void, Never>]>([])

    /// - Parameter body: one round of client `index`; what it throws counts as a fault.
    init(clients: Int, _ body: @escaping @Sendable (_ index: Int, _ round: Int) async throws -> Void) {
        let started = (0..<clients).map { index in
            // A test that fails lets go of its load, which then ends.
            Task { [weak self] in
                var round = 0
                while let load = self, !load.isStopped {
                    do {
                        try await body(index, round)
                        load.state.withLock { $0.count += 1 }
                    } catch {
                        load.state.withLock { $0.faults.append("client \(index): \(error)") }
                        try? await Task.sleep(for: .milliseconds(20))
                    }
                    round += 1
                }
            }
        }
        tasks.withLock { $0 = started }
    }

    private var isStopped: Bool { state.withLock { $0.stopped } }
    var count: Int { state.withLock { $0.count } }

    /// Lets every client finish its round.
    /// - Returns: how many rounds went well, and what went wrong.
    func stop() async -> (count: Int, faults: [String]) {
        state.withLock { $0.stopped = true }
        for task in tasks.withLock({ $0 }) { await task.value }
        return state.withLock { ($0.count, $0.faults) }
    }
}

/// A value that several tasks read and replace.
final class Box<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    init(_ value: Value) { state = Mutex(value) }

    var value: Value {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}
