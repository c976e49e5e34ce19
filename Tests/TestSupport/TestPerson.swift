import Crypto
import Foundation
import StrictJSON
import Synchronization

/// Somebody with an account: her credentials, and the codes that she has used.
package final class TestPerson: Sendable {
    package let username: String
    private let state: Mutex<State>
    private let notes: SecretNotes

    private struct State {
        var id: String
        var password: String
        var secret: String?
        /// The time step of the last code that was given out.
        var step: Int64 = 0
    }

    package init(username: String, password: String, id: String = "", notes: SecretNotes) {
        self.username = username
        self.notes = notes
        state = Mutex(State(id: id, password: password))
        notes.add(password)
    }

    package var id: String { state.withLock { $0.id } }
    package var password: String { state.withLock { $0.password } }
    /// The TOTP secret in base32; nil before enrolment.
    package var secret: String? { state.withLock { $0.secret } }

    /// What signing in gives.
    package struct Session: Sendable {
        package let access: String
        package let refresh: String
        package let sessionID: String

        package init(_ answer: TestHTTP.Answer) throws {
            access = try answer.string("access_token")
            refresh = try answer.string("refresh_token")
            sessionID = try answer.string("session_id")
        }
    }

    /// The time step (RFC 6238) of the last code that was given out; zero before the first.
    package var lastStep: Int64 { state.withLock { $0.step } }

    // MARK: - Codes

    /// A code that this object has not given out before: a code counts once, ever. The present step's or the next one's,
    /// which is accepted already; when both were used, waits for up to 30 seconds.
    package func code() async -> String {
        while true {
            let given: String? = state.withLock { state in
                let present = Int64(Date().timeIntervalSince1970) / 30
                let step = max(present, state.step + 1)
                guard let secret = state.secret, step <= present + 1 else { return nil }
                state.step = step
                return TestPerson.totp(secret, step: step)
            }
            if let given { return given }
            do { try await Task.sleep(for: .milliseconds(100)) } catch { return "" }
        }
    }

    /// RFC 6238 with SHA-1 and six digits, over a secret in base32.
    package static func totp(_ secret: String, step: Int64) -> String {
        let counter = (0..<8).map { UInt8(truncatingIfNeeded: step >> (56 - 8 * Int64($0))) }
        let mac = Array(
            HMAC<Insecure.SHA1>.authenticationCode(for: counter, using: SymmetricKey(data: base32(secret))))
        let offset = Int(mac[19] & 15)
        let number = mac[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) } & 0x7FFF_FFFF
        let digits = String(number % 1_000_000)
        return String(repeating: "0", count: 6 - digits.count) + digits
    }

    private static func base32(_ text: String) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        var bytes: [UInt8] = []
        var bits = 0
        var value = 0
        for character in text {
            guard let index = alphabet.firstIndex(of: character) else { continue }
            value = (value << 5 | index) & 0xFFFF
            bits += 5
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(value >> bits & 0xFF))
            }
        }
        return bytes
    }

    // MARK: - Signing in

    package func login(_ http: TestHTTP, headers: [String: String] = [:]) async throws -> TestHTTP.Answer {
        try await http.call(
            "POST", "/v1/login", json: ["username": .string(username), "password": .string(password)],
            headers: headers)
    }

    /// Password, and a code when the account has a second factor.
    package func signIn(_ http: TestHTTP, headers: [String: String] = [:]) async throws -> Session {
        let answer = try await login(http, headers: headers).require(200, 202)
        guard answer.status == 202 else { return try Session(answer) }
        let code = await code()
        return try Session(
            try await http.call(
                "POST", "/v1/login/mfa",
                json: ["mfa_token": .string(try answer.string("mfa_token")), "code": .string(code)], headers: headers
            ).require(200))
    }

    // MARK: - Setting up

    /// The first sign-in: changes the temporary password.
    package func changePassword(_ http: TestHTTP) async throws {
        let token = try await login(http).require(200).string("access_token")
        let new = "Zx" + UUID().uuidString.replacing("-", with: "").lowercased()
        notes.add(new)
        try await http.call(
            "POST", "/v1/users/me/password",
            json: ["current_password": .string(password), "new_password": .string(new)], token: token
        ).require(204)
        state.withLock { $0.password = new }
    }

    /// Enrols TOTP; takes one code.
    /// - Returns: the ten recovery codes.
    @discardableResult
    package func enrol(_ http: TestHTTP) async throws -> [String] {
        let answer = try await login(http).require(200)
        let token = try answer.string("access_token")
        let pending = try await http.call("POST", "/v1/users/me/totp", json: [:], token: token).require(201)
        let secret = try pending.string("secret")
        state.withLock { $0.secret = secret }
        let code = await code()
        let confirmed = try await http.call(
            "POST", "/v1/users/me/totp/confirm", json: ["code": .string(code)], token: token
        ).require(200)
        if id.isEmpty {
            let me = try await http.call("GET", "/v1/users/me", token: token).require(200)
            let id = try me.string("id")
            state.withLock { $0.id = id }
        }
        return confirmed.json["recovery_codes"]?.strings ?? []
    }
}
