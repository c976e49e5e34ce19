import Contracts
import Foundation
import Logging
import ServiceKit
import StrictJSON
import Synchronization

/// This service's own access token (RFC 6749 section 4.4), fetched when it is first needed and again a minute before it
/// expires; one request however many ask.
package final class ServiceToken: Sendable {
    package enum Failure: Error, Sendable, Hashable {
        case unavailable
        /// The issuer does not take the credentials.
        case refused
    }

    private struct State {
        var token: Sensitive<String>?
        /// Milliseconds since the epoch from which on another one is fetched.
        var renewAt: Int64 = 0
        var flight: Task<Result<Sensitive<String>, Failure>, Never>?
    }

    private let url: String
    private let authorization: Sensitive<String>
    private let transport: HTTPTransport
    private let clock: @Sendable () -> Int64
    private let state = Mutex(State())

    /// - Parameter url: of the token endpoint.
    init(
        url: String, clientID: String, clientSecret: Sensitive<String>, transport: HTTPTransport,
        clock: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() }
    ) {
        self.url = url
        self.transport = transport
        self.clock = clock
        authorization = BasicCredentials.header(clientID, clientSecret)
    }

    package func token() async throws(Failure) -> Sensitive<String> {
        let now = clock()
        let flight = state.withLock { state -> Task<Result<Sensitive<String>, Failure>, Never>? in
            if state.token != nil, now < state.renewAt { return nil }
            if let flight = state.flight { return flight }
            let flight = Task { [self] in await fetch() }
            state.flight = flight
            return flight
        }
        if let flight { return try await flight.value.get() }
        guard let token = state.withLock({ $0.token }) else { throw .unavailable }
        return token
    }

    /// What was given out is not taken any more: the next one who asks fetches another.
    package func forget() { state.withLock { $0.renewAt = 0 } }

    private func fetch() async -> Result<Sensitive<String>, Failure> {
        let result = await ask()
        let now = clock()
        return state.withLock { state in
            state.flight = nil
            switch result {
            case .success(let (token, lifetime)):
                state.token = token
                state.renewAt = now + max(1_000, lifetime - 60_000)
                return .success(token)
            case .failure(let failure):
                // One that is still good is better than none.
                if failure == .unavailable, let token = state.token { return .success(token) }
                return .failure(failure)
            }
        }
    }

    private func ask() async -> Result<(Sensitive<String>, Int64), Failure> {
        let headers = [
            ("Authorization", authorization.exposed), ("Accept", "application/json"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ]
        guard
            let answer = try? await transport.send(
                "POST", url, headers: headers, body: Array("grant_type=client_credentials".utf8), limit: 65_536,
                timeout: .seconds(3))
        else { return .failure(.unavailable) }
        guard answer.status == 200 else {
            return .failure([400, 401, 403].contains(answer.status) ? .refused : .unavailable)
        }
        guard let json = try? JSONValue(parsing: answer.body), let token = json["access_token"]?.string else {
            return .failure(.unavailable)
        }
        return .success((Sensitive(token), (json["expires_in"]?.int ?? 60) * 1_000))
    }
}

/// HTTP Basic for clients of OAuth.
enum BasicCredentials {
    /// RFC 6749 section 2.3.1: both are encoded like a form before they are joined.
    static func header(_ id: String, _ secret: Sensitive<String>) -> Sensitive<String> {
        let pair = formEncoded(id) + ":" + formEncoded(secret.exposed)
        return Sensitive("Basic " + Data(pair.utf8).base64EncodedString())
    }

    /// `application/x-www-form-urlencoded`, every octet but the unreserved ones escaped.
    static func formEncoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.append(byte)
            default: result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
