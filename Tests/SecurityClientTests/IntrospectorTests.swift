import Foundation
import Hummingbird
import Logging
import StrictJSON
import TestSupport
import Testing

@testable import SecurityClient

@Suite struct IntrospectorTests {
    @Test func asksAsTheRFCSays() async throws {
        let endpoint = try await IntrospectionEndpoint()
        let introspector = try endpoint.introspector(secret: "a b:c%ü")
        #expect(try await introspector.isActive("a+b/c=") == true)
        let asked = endpoint.state.value
        #expect(asked.form == "token=a%2Bb%2Fc%3D&token_type_hint=access_token")
        let basic = try #require(asked.authorization?.dropFirst("Basic ".count))
        let pair = try #require(Data(base64Encoded: String(basic)))
        // RFC 6749 section 2.3.1.
        #expect(String(decoding: pair, as: UTF8.self) == "order-api:a%20b%3Ac%25%C3%BC")
        endpoint.state.update { $0.body = #"{"active":false}"# }
        #expect(try await introspector.isActive("other") == false)
        await endpoint.stop()
    }

    @Test func oneRequestForAToken() async throws {
        let endpoint = try await IntrospectionEndpoint()
        endpoint.state.update { $0.delay = .milliseconds(200) }
        let introspector = try endpoint.introspector()
        let active = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<100 { group.addTask { (try? await introspector.isActive("token")) ?? false } }
            return await group.reduce(into: 0) { if $1 { $0 += 1 } }
        }
        #expect(active == 100)
        #expect(endpoint.requests == 1)
        #expect(try await introspector.isActive("token") == true)
        #expect(endpoint.requests == 2, "nothing is remembered")
        await endpoint.stop()
    }

    @Test func requestsAtOnceAreBounded() async throws {
        let endpoint = try await IntrospectionEndpoint()
        endpoint.state.update { $0.delay = .milliseconds(300) }
        let introspector = try endpoint.introspector { $0.maxConcurrent = 4 }
        let outcomes = await withTaskGroup(of: Result<Bool, Introspector.Failure>.self) { group in
            for number in 0..<50 {
                group.addTask {
                    do throws(Introspector.Failure) {
                        return .success(try await introspector.isActive("token-\(number)"))
                    } catch { return .failure(error) }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == .success(true) } == 4)
        #expect(outcomes.count { $0 == .failure(.overloaded) } == 46)
        #expect(endpoint.requests == 4)
        await endpoint.stop()
    }

    @Test(arguments: [
        (200, "{}", Introspector.Failure.unavailable), (200, #"{"active":"true"}"#, .unavailable),
        (200, #"{"active":true"#, .unavailable), (200, #"{"active":false,"active":true}"#, .unavailable),
        (500, "", .unavailable), (503, "", .unavailable), (302, "", .unavailable), (401, "", .refused),
        (403, "", .refused), (400, "", .refused),
    ])
    func answersThatAreNone(_ status: Int, _ body: String, _ failure: Introspector.Failure) async throws {
        let endpoint = try await IntrospectionEndpoint()
        endpoint.state.update { state in
            state.status = HTTPResponse.Status(code: status)
            state.body = body
        }
        let introspector = try endpoint.introspector()
        await #expect(throws: failure) { try await introspector.isActive("token") }
        await endpoint.stop()
    }

    @Test func noAnswerInTime() async throws {
        let endpoint = try await IntrospectionEndpoint()
        endpoint.state.update { $0.delay = .seconds(30) }
        let introspector = try endpoint.introspector { $0.timeout = .milliseconds(100) }
        await #expect(throws: Introspector.Failure.unavailable) { try await introspector.isActive("token") }
        await endpoint.stop()
    }

    @Test func whatIsRememberedAndForHowLong() async throws {
        let endpoint = try await IntrospectionEndpoint()
        let clock = TestClock()
        let introspector = try endpoint.introspector(clock: clock) { options in
            options.cacheFor = 1_000
            options.cacheCapacity = 2
        }
        #expect(try await introspector.isActive("a") == true)
        #expect(try await introspector.isActive("a") == true)
        #expect(endpoint.requests == 1)
        endpoint.state.update { $0.body = #"{"active":false}"# }
        clock.advance(1_000)
        #expect(try await introspector.isActive("a") == false)
        #expect(try await introspector.isActive("a") == false)
        #expect(endpoint.requests == 3, "what is not active is never remembered")
        endpoint.state.update { $0.body = #"{"active":true}"# }
        for name in ["a", "b", "c", "c"] { #expect(try await introspector.isActive(name) == true) }
        #expect(endpoint.requests == 7, "there is room for two")
        await endpoint.stop()
    }

    /// Each change once, and each failure counted.
    @Test func whyItFailsIsToldAndCounted() async throws {
        let endpoint = try await IntrospectionEndpoint()
        let lines = Box([String]())
        let logger = Logger(label: "test") { _ in LinesHandler(lines: lines) }
        let introspector = try endpoint.introspector(logger: logger)
        #expect(introspector.condition == .unknown)
        _ = try await introspector.isActive("token")
        #expect(introspector.condition == .working)
        endpoint.state.update { $0.status = .unauthorized }
        for _ in 0..<5 { _ = try? await introspector.isActive("token") }
        endpoint.state.update { $0.status = .badGateway }
        for _ in 0..<3 { _ = try? await introspector.isActive("token") }
        #expect(introspector.condition == .failing(.unavailable))
        #expect(
            lines.value == [
                "info introspection works",
                "error introspection is refused: CLIENT_ID, CLIENT_SECRET or the permission tokens:introspect is wrong",
                "warning introspection is not answered",
            ])
        var counted = Introspector.Statistics()
        (counted.answered, counted.refused, counted.unavailable) = (1, 5, 3)
        #expect(introspector.statistics == counted)
        await endpoint.stop()
    }

    @Test func tooManyAtOnceAreCounted() async throws {
        let endpoint = try await IntrospectionEndpoint()
        let introspector = try endpoint.introspector { $0.maxConcurrent = 0 }
        await #expect(throws: Introspector.Failure.overloaded) { try await introspector.isActive("token") }
        #expect(introspector.statistics.overloaded == 1)
        await endpoint.stop()
    }

    @Test func whatComesAndGoesIsNotReportedEachTime() {
        var reports = ConditionReports()
        var told = 0
        for moment: Int64 in 0..<1_000 {
            if reports.note(.failing(.overloaded), monotonic: moment) { told += 1 }
            if reports.note(.working, monotonic: moment) { told += 1 }
        }
        #expect(told == 2)
        let later = [
            reports.note(.failing(.overloaded), monotonic: 20_000), reports.note(.working, monotonic: 20_000),
            reports.note(.working, monotonic: 60_000),
        ]
        #expect(later == [true, true, false])
        #expect(reports.condition == .working)
    }

    /// What failed at start is tried again until it works.
    @Test func theCheckGoesOnUntilItWorks() async throws {
        let endpoint = try await IntrospectionEndpoint()
        endpoint.state.update { $0.status = .serviceUnavailable }
        let introspector = try endpoint.introspector()
        let check = IntrospectionCheck(introspector: introspector, interval: .milliseconds(20))
        let running = Task { try await check.run() }
        try await eventually("it was tried twice") { endpoint.requests >= 2 }
        #expect(endpoint.state.value.form?.hasPrefix("token=credentials-check") == true)
        endpoint.state.update { state in
            state.status = .ok
            state.body = #"{"active":false}"#
        }
        try await eventually("it works") { introspector.condition == .working }
        running.cancel()
        _ = try? await running.value
        await endpoint.stop()
    }
}
