import Crypto
import CryptoExtras
import Foundation
import NIOCore
import StrictJSON
import TestSupport

/// CPU of the service process per refresh, against one RSA-2048 signature of the same library.
enum RefreshBench {
    static func run(_ report: inout Report) async throws {
        var options = TestSystemOptions()
        options.runsOrderAPI = false
        let system = try await TestSystem(options)
        let service = system.tokenServices[0]
        let key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        var tokens: [String] = []
        for _ in 0..<4 {
            let trader = try await system.person("trader", enrol: false)
            for _ in 0..<4 { tokens.append(try await trader.signIn(system.http).refresh) }
        }
        var ours: [Double] = []
        var kernel: [Double] = []
        var limit: [Double] = []
        for round in 0..<6 {
            let digest = SHA256.hash(data: Data("round \(round)".utf8))
            let signature = try cpuPerCall(400) {
                _ = try key.signature(for: digest, padding: .insecurePKCS1v1_5)
            }
            let before = CPUTime.of(service.pid)
            let (count, next) = try await refresh(tokens, port: service.port, seconds: 4)
            let spent = CPUTime.of(service.pid) - before
            tokens = next
            guard round > 0 else { continue }
            ours.append(spent.user / Double(count) * 1e6)
            kernel.append(spent.kernel / Double(count) * 1e6)
            limit.append(signature * 1e6)
        }
        report.add("refresh: service CPU, user, against an RSA signature", "µs", ours, limit: limit, goal: 1.3)
        report.add("refresh: service CPU, kernel", "µs", kernel)
        await system.shutdown()
    }

    /// Each chain on a connection of its own.
    private static func refresh(
        _ tokens: [String], port: Int, seconds: Double
    ) async throws -> (count: Int, next: [String]) {
        let end = ContinuousClock.now + .seconds(seconds)
        return try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for token in tokens {
                group.addTask {
                    try await LoadConnection.with(port: port) { exchange in
                        var (token, count) = (token, 0)
                        while ContinuousClock.now < end {
                            let body = "grant_type=refresh_token&refresh_token=\(token)"
                            let answer = try await exchange.send(
                                Load.request(
                                    "POST", "/oauth2/token",
                                    headers: [("Content-Type", "application/x-www-form-urlencoded")], body: body))
                            guard answer.status == 200,
                                let next = try JSONValue(parsing: answer.body)["refresh_token"]?.string
                            else { throw Failure(what: "a refresh answered \(answer.status)") }
                            token = next
                            count += 1
                        }
                        return (count, token)
                    }
                }
            }
            return try await group.reduce(into: (0, [])) { total, one in
                total.0 += one.0
                total.1.append(one.1)
            }
        }
    }
}
