import Foundation
import StrictJSON
import Synchronization
import TestSupport
import Testing

/// Introspection is a hot route: its two ways to an answer give the same one.
@Suite struct IntrospectionPathTests {
    /// A request that is plain, or, with a header that asks for nothing, one for the ordinary path.
    private func request(
        _ form: String, _ fields: [String], type: String = "application/x-www-form-urlencoded", isPlain: Bool
    ) -> String {
        let lines = ["Host: localhost", "Content-Type: \(type)"] + fields + (isPlain ? [] : ["TE: trailers"])
        return "POST /oauth2/introspect HTTP/1.1\r\n" + lines.map { $0 + "\r\n" }.joined()
            + "Content-Length: \(form.utf8.count)\r\n\r\n\(form)"
    }

    /// Without what differs from one request to the next.
    private func normalised(_ answer: String) -> [String] {
        answer.components(separatedBy: "\r\n").map { line in
            if line.hasPrefix("Date: ") { return "Date" }
            return line.hasPrefix("X-Request-Id: ") && line.utf8.count == 46 ? "X-Request-Id" : line
        }
    }

    private func answered(_ system: TestSystem) async throws -> (hot: Double, passedOn: Double) {
        let text = try await system.http.call("GET", "/metrics").require(200).text
        func value(_ outcome: String) -> Double {
            let line = text.split(separator: "\n").first {
                $0.contains(#"http_hot_requests_total{outcome="\#(outcome)"}"#)
            }
            return line?.split(separator: " ").last.flatMap { Double($0) } ?? 0
        }
        return (value("answered"), value("passed_on"))
    }

    private func basic(_ id: String, _ secret: String) -> String {
        "Authorization: Basic " + Data("\(id):\(secret)".utf8).base64EncodedString()
    }

    @Test func bothWaysGiveTheSameAnswerByteForByte() async throws {
        var options = TestSystemOptions()
        options.runsOrderAPI = false
        try await withSystem(options) { system in
            let trader = try await system.person("trader", enrol: false)
            let (live, ended) = (try await trader.signIn(system.http), try await trader.signIn(system.http))
            try await system.http.call("POST", "/v1/logout", token: ended.access).require(204)
            let stranger = try await system.http.call(
                "POST", "/v1/service-accounts",
                json: ["client_id": "stranger", "name": "stranger", "permissions": []],
                token: try await system.adminToken()
            ).require(201).string("client_secret")
            let service = try await system.http.call(
                "POST", "/oauth2/token", form: ["grant_type": "client_credentials"], basic: system.orderClient
            ).require(200).string("access_token")
            let client = basic(system.orderClient.id, system.orderClient.secret)
            let posted = "&client_id=\(system.orderClient.id)&client_secret=\(system.orderClient.secret)"
            let bearer = "Authorization: Bearer \(service)"
            let table: [(name: String, form: String, fields: [String], isHot: Bool)] = [
                ("a live session", "token=\(live.access)", [client], true),
                ("with a hint", "token=\(live.access)&token_type_hint=refresh_token", [client], true),
                ("a posted secret", "token=\(live.access)\(posted)", [], true),
                ("a request id", "token=\(live.access)", [client, "X-Request-Id: mine-1"], true),
                ("an unfit request id", "token=\(live.access)", [client, "X-Request-Id: mine 1"], true),
                ("a service's token", "token=\(service)", [client], true),
                ("an ended session", "token=\(ended.access)", [client], false),
                ("a refresh token", "token=\(live.refresh)", [client], false),
                ("no token at all", "token=abc", [client], false), ("nothing", "", [client], false),
                ("an altered token", "token=\(live.access)x", [client], false),
                ("a repeated parameter", "token=a&token=b", [client], false),
                ("a wrong secret", "token=\(live.access)", [basic("order-api", "jss_wrong")], false),
                ("an unknown client", "token=\(live.access)", [basic("nobody", "jss_wrong")], false),
                ("no right to ask", "token=\(live.access)", [basic("stranger", stranger)], false),
                ("two ways at once", "token=\(live.access)\(posted)", [client], false),
                ("nobody", "token=\(live.access)", [], false),
                ("a bearer", "token=\(live.access)", [bearer], false),
                ("a person as bearer", "token=\(live.access)", ["Authorization: Bearer \(live.access)"], false),
            ]
            let connection = try RawExchange(port: system.tokenServices[0].port)
            for (name, form, fields, isHot) in table {
                // The client's account is remembered for a second: on a loaded machine it may take several tries.
                try await eventually("\(name) is answered \(isHot ? "at once" : "the ordinary way")") {
                    let ordinary = try await connection.send(request(form, fields, isPlain: false))
                    let before = try await answered(system)
                    let plain = try await connection.send(request(form, fields, isPlain: true))
                    let after = try await answered(system)
                    #expect(normalised(plain) == normalised(ordinary), "\(name)")
                    #expect(after.hot + after.passedOn - before.hot - before.passedOn == 1, "\(name)")
                    return after.hot - before.hot == (isHot ? 1 : 0)
                }
            }
            let json = try await connection.send(
                request("{}", [client], type: "application/json", isPlain: true))
            #expect(json.hasPrefix("HTTP/1.1 415"))
            await connection.close()
        }
    }

    @Test func withoutRedisBothWaysSaySo() async throws {
        var options = TestSystemOptions()
        options.runsOrderAPI = false
        try await withSystem(options) { system in
            let session = try await system.person("trader", enrol: false).signIn(system.http)
            let client = basic(system.orderClient.id, system.orderClient.secret)
            let connection = try RawExchange(port: system.tokenServices[0].port)
            func ask(isPlain: Bool) async throws -> [String] {
                normalised(try await connection.send(request("token=\(session.access)", [client], isPlain: isPlain)))
            }
            #expect(try await ask(isPlain: true).first == "HTTP/1.1 200 OK")
            system.redis.kill()
            let (plain, ordinary) = (try await ask(isPlain: true), try await ask(isPlain: false))
            #expect(plain == ordinary)
            #expect(plain.first == "HTTP/1.1 503 Service Unavailable")
            #expect(plain.contains("Retry-After: 1"))
            try await system.redis.start()
            try await eventually("introspection works again", within: .seconds(30)) {
                try await ask(isPlain: true).first == "HTTP/1.1 200 OK"
            }
            // On its way when Redis is gone: the command is sent once more, as on the ordinary path.
            system.redis.pause()
            async let waiting = ask(isPlain: true)
            try await Task.sleep(for: .milliseconds(200))
            system.redis.kill()
            #expect(try await waiting.first == "HTTP/1.1 503 Service Unavailable")
            try await system.redis.start()
            await connection.close()
        }
    }

    /// What was taken is answered, whole; what was not is not answered at all.
    @Test func sigtermDuringHotRequestsLosesNone() async throws {
        var options = TestSystemOptions()
        options.runsOrderAPI = false
        try await withSystem(options) { system in
            let session = try await system.person("trader", enrol: false).signIn(system.http)
            let client = basic(system.orderClient.id, system.orderClient.secret)
            let text = request("token=\(session.access)", [client], isPlain: true)
            let service = system.tokenServices[0]
            for _ in 0..<3 {
                let tally = Tally()
                let clients = (0..<12).map { _ in
                    Task {
                        let connection = try RawExchange(port: service.port)
                        while tally.note(try await connection.send(text)) {}
                        await connection.close()
                    }
                }
                try await eventually("some answers", within: .seconds(60)) { tally.answered > 300 }
                let status = await service.terminate()
                #expect(status == 0)
                for client in clients { _ = await client.result }
                #expect(tally.broken == [])
                try await service.start()
            }
        }
    }
}

/// What the clients of a service that is stopped were answered.
private final class Tally: Sendable {
    private let counts = Mutex((answered: 0, broken: [String]()))

    var answered: Int { counts.withLock { $0.answered } }
    /// Answers that are not whole, or no success.
    var broken: [String] { counts.withLock { $0.broken } }

    /// - Returns: whether the connection may be used again.
    func note(_ answer: String) -> Bool {
        counts.withLock { counts in
            if answer.hasPrefix("HTTP/1.1 200"), answer.hasSuffix("}") {
                counts.answered += 1
            } else if !answer.isEmpty {
                counts.broken.append(answer)
            }
        }
        return !answer.isEmpty && !answer.contains("\r\nConnection: close\r\n")
    }
}
