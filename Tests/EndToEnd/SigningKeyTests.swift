import Foundation
import JOSE
import StrictJSON
import Synchronization
import TestSupport
import Testing

/// Keys change under load without anybody noticing, and are withdrawn so that everybody does.
@Suite struct SigningKeyTests {
    /// Seconds of rotating every second: 20, and a minute with `JTS_LONG=1`.
    private static let seconds = isLong ? 60 : 20

    @Test func rotationEverySecondUnderLoad() async throws {
        var options = TestSystemOptions()
        options.replicas = 2
        options.environment = [
            "KEY_ROTATION_INTERVAL": "1s", "KEY_ANNOUNCEMENT": "5s", "JWKS_MAX_AGE": "1",
        ]
        try await withSystem(options) { system in
            var sessions: [TestPerson.Session] = []
            for index in 0..<6 {
                let viewer = try await system.person("viewer", enrol: false)
                sessions.append(try await viewer.signIn(system.http(index % 2)))
            }
            let chains = sessions.map { Box($0) }
            let keys = Mutex(Set<String>())
            let load = Load(clients: chains.count) { index, round in
                let chain = chains[index]
                // A token of this moment's key, verified elsewhere in the same moment; and one of a key of the past.
                let old = chain.value.access
                let new = try TestPerson.Session(
                    try await system.http((index + round) % 2).refresh(chain.value.refresh).require(200))
                chain.value = new
                let key = try keyID(new.access)
                keys.withLock { _ = $0.insert(key) }
                for token in [new.access, old] {
                    try await system.orders.call("GET", "/v1/orders", token: token).require(200)
                }
                try await system.http(index % 2).call("GET", "/v1/users/me", token: new.access).require(200)
            }
            try await Task.sleep(for: .seconds(Self.seconds))
            let (count, faults) = await load.stop()
            #expect(faults.isEmpty, "\(faults.count) of \(count + faults.count) rounds failed: \(faults.prefix(5))")
            #expect(count > 50)
            let used = keys.withLock { $0 }
            #expect(used.count >= Self.seconds / 2, "keys took over \(used.count) times")
            // The very first tokens live, and so do their keys.
            for session in sessions {
                try await system.orders.call("GET", "/v1/orders", token: session.access).require(200)
            }
            for replica in 0...1 {
                let document = try await system.http(replica).call("GET", "/.well-known/jwks.json").require(200)
                let published = Set((document.json["keys"]?.array ?? []).compactMap { $0["kid"]?.string })
                #expect(published.isSuperset(of: used))
            }
        }
    }

    @Test func emergencyRevocation() async throws {
        var options = TestSystemOptions()
        options.replicas = 2
        try await withSystem(options) { system in
            let viewer = try await system.person("viewer", enrol: false)
            let session = try await viewer.signIn(system.http(1))
            let compromised = try keyID(session.access)
            try await system.orders.call("GET", "/v1/orders", token: session.access).require(200)

            let admin = try await system.adminToken()
            try await system.http(0).call("POST", "/v1/keys/\(compromised)/revoke", token: admin).require(204)
            // Dead where it was answered, at once; everywhere else within moments.
            try await system.http(0).call("GET", "/v1/users/me", token: session.access).require(401)
            try await eventually("the other replica refuses") {
                try await system.http(1).call("GET", "/v1/users/me", token: session.access).status == 401
            }
            try await eventually("order-api refuses") {
                try await system.orders.call("GET", "/v1/orders", token: session.access).status == 401
            }
            // The administrator's own token was the key's as well.
            try await system.http(0).call("GET", "/v1/keys", token: admin).require(401)
            for replica in 0...1 {
                let told = try await system.http(replica).introspect(session.access, as: system.orderClient)
                #expect(told == ["active": false])
                try await eventually("replica \(replica) no longer publishes it") {
                    let document = try await system.http(replica).call("GET", "/.well-known/jwks.json").require(200)
                    return !(document.json["keys"]?.array ?? []).contains { $0["kid"]?.string == compromised }
                }
            }

            // Sessions live on: a refresh gives a token of the next key, and order-api learns of that key by itself.
            let next = try TestPerson.Session(try await system.http(1).refresh(session.refresh).require(200))
            #expect(try keyID(next.access) != compromised)
            try await eventually("order-api takes the new key's tokens") {
                try await system.orders.call("GET", "/v1/orders", token: next.access).status == 200
            }
        }
    }

    @Test func theJWKSIsCached() async throws {
        let system = try await SharedSystem.get()
        let first = try await system.http(0).call("GET", "/.well-known/jwks.json").require(200)
        let tag = try #require(first.header("ETag"))
        #expect(first.header("Cache-Control")?.contains("max-age=1") == true)
        #expect(first.header("Content-Type") == "application/jwk-set+json")
        let second = try await system.http(0).call("GET", "/.well-known/jwks.json", headers: ["If-None-Match": tag])
        #expect(second.status == 304)
        #expect(second.bytes.isEmpty)
        // Both replicas say the same, byte for byte.
        try await eventually("the replicas agree") {
            let other = try await system.http(1).call("GET", "/.well-known/jwks.json").require(200)
            return other.bytes == first.bytes && other.header("ETag") == tag
        }
        // Nothing private about them.
        for key in try #require(first.json["keys"]?.array) {
            let secret = ["d", "p", "q", "dp", "dq", "qi", "k"].filter { key[$0] != nil }
            #expect(secret == [])
        }
    }
}
