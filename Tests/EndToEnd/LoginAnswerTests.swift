import Foundation
import StrictJSON
import TestSupport
import Testing

/// Whoever may not sign in learns nothing about why, nor whether there is such an account.
@Suite struct LoginAnswerTests {
    @Test func unknownWrongLockedAndDisabledLookAlike() async throws {
        let system = try await SharedSystem.get()
        let admin = try await system.adminToken()
        let known = try await system.person("viewer", enrol: false)
        let guarded = try await system.person("viewer")
        let locked = try await system.person("viewer", enrol: false)
        let disabled = try await system.person("viewer", enrol: false)
        try await system.http.call("POST", "/v1/users/\(locked.id)/lock", token: admin).require(200)
        try await system.http.call("POST", "/v1/users/\(disabled.id)/disable", token: admin).require(200)

        let attempts = [
            ("nobody-\(UUID().uuidString.prefix(6))", "not the password at all"), ("\u{0}", "not the password at all"),
            (known.username, "not the password at all"), (guarded.username, "not the password at all"),
            (locked.username, locked.password), (disabled.username, disabled.password),
            (disabled.username, "not the password at all"),
        ]
        var shapes: [Shape] = []
        for (username, password) in attempts {
            let answer = try await system.http.call(
                "POST", "/v1/login", json: ["username": .string(username), "password": .string(password)],
                headers: freshAddress())
            // A name with U+0000 is refused as a body; every other answer is the same.
            guard username != "\u{0}" else {
                #expect(answer.status == 400)
                continue
            }
            shapes.append(Shape(answer))
        }
        #expect(Set(shapes).count == 1, "\(shapes)")
        #expect(shapes.first?.status == 401)
    }

    /// The brakes take hold alike: which attempt is the first to be told to wait says nothing either.
    @Test func unknownAndKnownAreThrottledAlike() async throws {
        let system = try await SharedSystem.get()
        let known = try await system.person("viewer", enrol: false)
        var sequences: [[Shape]] = []
        for username in [known.username, "nobody-\(UUID().uuidString.prefix(6))"] {
            let address = freshAddress()
            var sequence: [Shape] = []
            for _ in 0..<6 {
                sequence.append(
                    Shape(
                        try await system.http.call(
                            "POST", "/v1/login",
                            json: ["username": .string(username), "password": "not the password at all"],
                            headers: address)))
            }
            sequences.append(sequence)
        }
        #expect(sequences[0] == sequences[1])
        #expect(sequences[0].last?.status == 429)
        // From elsewhere the owner signs in as if nothing had happened.
        _ = try await known.signIn(system.http, headers: freshAddress())
    }

    /// Measures; see the script for the method. Time on a shared machine proves nothing, so that nothing is asserted about
    /// it: the figures are for a person to read.
    @Test(.enabled(if: isLong)) func timing() async throws {
        var options = TestSystemOptions()
        options.runsOrderAPI = false
        // The real cost of a password.
        options.environment = [
            "TRUSTED_PROXIES": "127.0.0.1", "ARGON2_MEMORY_KIB": "19456", "ARGON2_ITERATIONS": "2",
        ]
        try await withSystem(options) { system in
            var people: [JSONValue] = []
            for _ in 0..<40 { people.append(.string(try await system.person("viewer", enrol: false).username)) }
            let report = try await python(
                "login_timing.py", ["url": .string(system.http.url), "known": .array(people)], within: .seconds(600))
            print(report)
            #expect(report.contains("Mann-Whitney"))
            #expect(report.contains("answers differ: none"))
        }
    }

    /// What of an answer may tell one case from another.
    private struct Shape: Hashable {
        let status: Int
        let headers: [String: String]
        let body: String

        init(_ answer: TestHTTP.Answer) {
            status = answer.status
            var headers = answer.headers
            // Different in every answer, whatever was asked.
            for name in ["date", "x-request-id", "traceparent"] where headers[name] != nil { headers[name] = "…" }
            self.headers = headers
            var object = answer.json.object ?? [:]
            for name in ["request_id", "instance"] where object[name] != nil { object[name] = "…" }
            body = String(decoding: JSONValue.object(object).encoded(), as: UTF8.self)
        }
    }
}
