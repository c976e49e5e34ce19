import Foundation
import NIOCore
import TestSupport

/// Introspection of a live session's token against a bare `POST` of the same sizes. CPU of Redis, of this generator and of
/// the kernel apart.
enum IntrospectionBench {
    static func run(_ report: inout Report) async throws {
        var options = TestSystemOptions()
        options.runsOrderAPI = false
        let system = try await TestSystem(options)
        let trader = try await system.person("trader", enrol: false)
        let session = try await trader.signIn(system.http)
        let form = TestHTTP.encode(["token": session.access])
        let basic = Data("\(system.orderClient.id):\(system.orderClient.secret)".utf8).base64EncodedString()
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", "Basic \(basic)"),
            ("Accept", "application/json"),
        ]
        let answer = try await system.http.call(
            "POST", "/oauth2/introspect", form: ["token": session.access], basic: system.orderClient
        ).require(200)
        guard answer.json["active"]?.bool == true else { throw Failure(what: "the token is not active") }

        let bare = try await BareProcess()
        let service = system.tokenServices[0]
        let bench = HotRouteBench(
            name: "introspection", service: (service.pid, service.port), bare: bare.served,
            request: Load.request("POST", "/oauth2/introspect", headers: headers, body: form),
            bareRequest: Load.request("POST", "/bare/\(answer.bytes.count)", headers: headers, body: form))
        try await bench.run(others: [system.redis.pid ?? 0]).add(to: &report, "introspection", others: ["Redis"])
        await system.shutdown()
    }
}
