import Crypto
import Foundation
import JOSE
import StrictJSON
import TestSupport
import Testing

/// Tokens that are of use only to the holder of a key: DPoP (RFC 9449) and client certificates (RFC 8705).
@Suite struct BoundTokenTests {
    @Test func dpop() async throws {
        let system = try await SharedSystem.get()
        let http = system.http(0)
        let issuer = system.tokenServices[0].url
        let trader = try await system.person("trader", enrol: false)
        let key = DPoPKey()
        let proof = try key.proof("POST", issuer + "/v1/login")
        let answer = try await trader.login(http, headers: ["DPoP": proof]).require(200)
        #expect(answer.json["token_type"] == "DPoP")
        let session = try TestPerson.Session(answer)
        #expect(try claims(session.access)["cnf"] == ["jkt": .string(key.thumbprint)])

        // A proof counts once.
        try await trader.login(http, headers: ["DPoP": proof]).require(400, 401)
        // Refresh: not without a proof, not with another key's.
        for headers in [[:], ["DPoP": try DPoPKey().proof("POST", issuer + "/oauth2/token")]] {
            let refused = try await http.refresh(session.refresh, headers: headers)
            #expect(refused.status == 400)
        }
        let refreshProof = try key.proof("POST", issuer + "/oauth2/token")
        let next = try TestPerson.Session(
            try await http.refresh(session.refresh, headers: ["DPoP": refreshProof]).require(200))
        try await http.refresh(next.refresh, headers: ["DPoP": refreshProof]).require(400)

        try await atOrderAPI(system, next.access, key)
        // Introspection tells a resource server what the token is bound to.
        let told = try await system.http(1).introspect(next.access, as: system.orderClient)
        #expect(told["cnf"] == ["jkt": .string(key.thumbprint)])
        #expect(told["token_type"] == "DPoP")
    }

    private func atOrderAPI(_ system: TestSystem, _ token: String, _ key: DPoPKey) async throws {
        let url = system.orders.url + "/v1/orders"
        func get(_ scheme: String, _ proof: String?) async throws -> Int {
            var headers = ["Authorization": "\(scheme) \(token)"]
            headers["DPoP"] = proof
            return try await system.orders.call("GET", "/v1/orders", headers: headers).status
        }
        let proof = try key.proof("GET", url, token: token)
        #expect(try await get("DPoP", proof) == 200)
        #expect(try await get("DPoP", proof) == 401, "a proof counts once")
        #expect(try await get("Bearer", nil) == 401, "a bound token is no bearer token")
        #expect(try await get("Bearer", try key.proof("GET", url, token: token)) == 401)
        #expect(try await get("DPoP", nil) == 401)
        #expect(try await get("DPoP", try DPoPKey().proof("GET", url, token: token)) == 401, "another key")
        #expect(try await get("DPoP", try key.proof("POST", url, token: token)) == 401, "another method")
        #expect(try await get("DPoP", try key.proof("GET", url + "/x", token: token)) == 401, "another URL")
        #expect(try await get("DPoP", try key.proof("GET", url)) == 401, "no access token named")
        let old = Int64(Date().timeIntervalSince1970) - 3_600
        #expect(try await get("DPoP", try key.proof("GET", url, token: token, at: old)) == 401, "an hour old")
        #expect(try await get("DPoP", try key.proof("GET", url, token: token)) == 200)
    }

    @Test func clientCertificates() async throws {
        let certificates = try await TestCertificates()
        let others = try await TestCertificates()
        var options = TestSystemOptions()
        options.certificates = certificates
        try await withSystem(options) { system in
            let plain = system.http
            var shown = plain
            shown.certificate = (certificates.certificate, certificates.key)
            let thumbprint = try await self.thumbprint(certificates)
            let viewer = try await system.person("viewer", enrol: false)
            let session = try await viewer.signIn(shown)
            #expect(try claims(session.access)["cnf"] == ["x5t#S256": .string(thumbprint)])
            try await shown.call("GET", "/v1/users/me", token: session.access).require(200)
            try await plain.call("GET", "/v1/users/me", token: session.access).require(401)
            try await plain.refresh(session.refresh).require(400)
            let next = try TestPerson.Session(try await shown.refresh(session.refresh).require(200))
            #expect(try claims(next.access)["cnf"] == ["x5t#S256": .string(thumbprint)])

            // The same certificate at order-api, over mutual TLS.
            let orders = system.orders
            var holder = orders
            holder.certificate = shown.certificate
            try await holder.call("GET", "/v1/orders", token: next.access).require(200)
            try await orders.call("GET", "/v1/orders", token: next.access).require(401)
            // Another certificate, of an authority that is trusted.
            var neighbour = orders
            neighbour.certificate = try await certificates.client("neighbour")
            try await neighbour.call("GET", "/v1/orders", token: next.access).require(401)
            let free = try await viewer.signIn(plain)
            try await neighbour.call("GET", "/v1/orders", token: free.access).require(200)

            // A service's token is bound alike.
            let service = try await shown.call(
                "POST", "/oauth2/token", form: ["grant_type": "client_credentials"],
                basic: (system.orderClient.id, system.orderClient.secret)
            ).require(200).string("access_token")
            #expect(try claims(service)["cnf"] == ["x5t#S256": .string(thumbprint)])
            let told = try await plain.introspect(service, as: system.orderClient)
            #expect(told["cnf"] == ["x5t#S256": .string(thumbprint)])

            // A certificate of an authority that nobody trusts here does not get in.
            var stranger = plain
            stranger.certificate = (others.certificate, others.key)
            await #expect(throws: (any Error).self) {
                try await stranger.call("GET", "/v1/users/me", token: session.access).require(200)
            }
            let metadata = try await plain.call("GET", "/.well-known/oauth-authorization-server").require(200)
            #expect(metadata.json["tls_client_certificate_bound_access_tokens"] == true)
        }
    }

    /// RFC 8705 section 3.1, by another implementation.
    private func thumbprint(_ certificates: TestCertificates) async throws -> String {
        let printed = try await ChildProcess.check(
            "openssl", ["x509", "-in", certificates.certificate, "-noout", "-fingerprint", "-sha256"])
        let hex = try #require(printed.split(separator: "=").last).split(separator: ":")
        return Base64URL.encode(hex.compactMap { UInt8($0, radix: 16) })
    }
}
