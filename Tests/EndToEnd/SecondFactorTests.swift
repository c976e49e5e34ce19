import Foundation
import StrictJSON
import TestSupport
import Testing

/// Codes count once, ever, whatever the replicas are asked at the same instant.
@Suite struct SecondFactorTests {
    @Test func oneCodeAtBothReplicasAtOnce() async throws {
        let system = try await SharedSystem.get()
        for _ in 0..<4 {
            let person = try await system.person("trader")
            var tokens: [String] = []
            for replica in [0, 1, 0, 1] {
                tokens.append(try await person.login(system.http(replica)).require(202).string("mfa_token"))
            }
            let code = await person.code()
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for (index, token) in tokens.enumerated() {
                    group.addTask {
                        try await secondStep(token, code, system.http(index % 2)).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.filter { $0 == 200 }.count == 1, "\(statuses)")
            #expect(statuses.allSatisfy { $0 == 200 || $0 == 409 }, "\(statuses)")
            // Later, and elsewhere: still no.
            let late = try await person.login(system.http(1)).require(202).string("mfa_token")
            let refused = try await secondStep(late, code, system.http(1))
            #expect(refused.json["type"] == "urn:jts:problem:code_used")
        }
    }

    @Test func aSignInHasFiveTriesAndOneUse() async throws {
        let system = try await SharedSystem.get()
        let person = try await system.person("viewer")
        let token = try await person.login(system.http(0)).require(202).string("mfa_token")
        for attempt in 0..<5 {
            let answer = try await secondStep(token, wrongCode(person), system.http(attempt % 2))
            #expect(answer.json["type"] == "urn:jts:problem:invalid-code", "\(answer.text)")
        }
        let code = await person.code()
        let spent = try await secondStep(token, code, system.http(0)).require(401)
        #expect(spent.json["type"] == "urn:jts:problem:invalid-mfa-token")

        // Failures count against the account over all its tokens: there is a wait now, and then the same code will do.
        let again = try await person.login(system.http(1)).require(202).string("mfa_token")
        let answer = try await patiently { try await secondStep(again, code, system.http(1)) }
        let session = try TestPerson.Session(answer.require(200))
        let second = try await secondStep(again, await person.code(), system.http(0)).require(401)
        #expect(second.json["type"] == "urn:jts:problem:invalid-mfa-token")
        try await system.http(0).refresh(session.refresh).require(200)
    }

    @Test func stepUp() async throws {
        let system = try await SharedSystem.get()
        let person = try await system.person("trader")
        let pending = try await person.login(system.http(0)).require(202).string("mfa_token")
        let code = await person.code()
        let session = try TestPerson.Session(try await secondStep(pending, code, system.http(0)).require(200))
        let used = try await system.http(1).call(
            "POST", "/v1/step-up", json: ["code": .string(code)], token: session.access
        ).require(409)
        #expect(used.json["type"] == "urn:jts:problem:code_used")
        let wait = try #require(used.header("Retry-After").flatMap { Int($0) })
        #expect((1...30).contains(wait))

        // After that many seconds the authenticator shows another one.
        let fresh = await person.code()
        let answer = try await system.http(1).call(
            "POST", "/v1/step-up", json: ["code": .string(fresh)], token: session.access
        ).require(200)
        let before = try claims(session.access)
        let after = try claims(try answer.string("access_token"))
        #expect(after["sid"] == before["sid"])
        #expect(after["amr"]?.strings?.contains("otp") == true)
        #expect(try #require(after["auth_time"]?.int) >= (try #require(before["auth_time"]?.int)))
        #expect(after["acr"] == "urn:jts:acr:2")
    }

    @Test func aRecoveryCodeCountsOnce() async throws {
        let system = try await SharedSystem.get()
        let person = try await system.person("trader", enrol: false)
        let codes = try await person.enrol(system.http)
        #expect(Set(codes).count == 10)
        var answers: [Int] = []
        for replica in [0, 1] {
            let token = try await person.login(system.http(replica)).require(202).string("mfa_token")
            answers.append(
                try await system.http(replica).call(
                    "POST", "/v1/login/mfa",
                    json: ["mfa_token": .string(token), "recovery_code": .string(codes[3])]
                ).status)
        }
        #expect(answers == [200, 401])
    }

    @Test func aPrivilegedRoleIsUselessWithoutASecondFactor() async throws {
        let system = try await SharedSystem.get()
        let manager = try await system.person("risk-manager", enrol: false)
        let session = try await manager.signIn(system.http)
        #expect(try claims(session.access)["permissions"]?.strings == ["account:self"])
        try await system.orders.call("GET", "/v1/orders", token: session.access).require(403)
        let refreshed = try TestPerson.Session(try await system.http.refresh(session.refresh).require(200))
        #expect(try claims(refreshed.access)["permissions"]?.strings == ["account:self"])
    }

    private func secondStep(_ token: String, _ code: String, _ http: TestHTTP) async throws -> TestHTTP.Answer {
        try await http.call("POST", "/v1/login/mfa", json: ["mfa_token": .string(token), "code": .string(code)])
    }

    /// Comes back as often as it is told to.
    private func patiently(_ call: () async throws -> TestHTTP.Answer) async throws -> TestHTTP.Answer {
        for _ in 0..<5 {
            let answer = try await call()
            guard answer.status == 429 else { return answer }
            try await Task.sleep(for: .seconds(try #require(answer.header("Retry-After").flatMap { Int($0) })))
        }
        return try await call()
    }

    /// Six digits that are the code of no step nearby.
    private func wrongCode(_ person: TestPerson) throws -> String {
        let secret = try #require(person.secret)
        let step = Int64(Date().timeIntervalSince1970) / 30
        let right = Set((-3...3).map { TestPerson.totp(secret, step: step + $0) })
        while true {
            let code = String(Int.random(in: 100_000...999_999))
            if !right.contains(code) { return code }
        }
    }
}
