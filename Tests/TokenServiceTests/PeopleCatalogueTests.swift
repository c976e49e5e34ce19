import Foundation
import JOSE
import SecurityClient
import StrictJSON
import Testing

@testable import TokenService

@Suite struct PeopleCatalogueTests {
    static func shipped() throws -> RoleCatalogue {
        try RoleCatalogue(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../deploy/config/roles.yaml").path)
    }

    @Test func theShippedCatalogueAnswers() throws {
        let catalogue = RoleBook(try Self.shipped())
        #expect(catalogue.isPrivileged(["viewer", "admin"]))
        #expect(!catalogue.isPrivileged(["viewer", "trader", "service"]))
        #expect(catalogue.catalogue.isAdministrator(["admin"]))
        #expect(!catalogue.catalogue.isAdministrator(["risk-manager", "trader", "nobody"]))
        #expect(!catalogue.permissions(of: ["viewer"]).contains("orders:place"))
        #expect(catalogue.permissions(of: ["trader"]).contains("orders:place"))
        #expect(catalogue.permissions(of: ["nobody"]).isEmpty)
        let both = catalogue.permissions(of: ["viewer", "trader"])
        #expect(both == Set(both).sorted())
        #expect(catalogue.knows(permission: "keys:write"))
        #expect(!catalogue.knows(permission: "keys:eat"))
        #expect(catalogue.edition.number == RoleBook.unheard && catalogue.sequence == RoleBook.unheard)
    }

    // MARK: Clients

    private func read(
        _ authorization: String?, _ form: [String: String] = [:]
    ) throws(ClientCredentials.Fault) -> ClientCredentials {
        try ClientCredentials.read(authorization: authorization) { form[$0] }
    }

    private func basic(_ text: String) -> String { "Basic " + Data(text.utf8).base64EncodedString() }

    @Test func clientsShowTheirCredentialsInOneWay() throws {
        #expect(try read(basic("order-api:s%3Acret+x")) == .secret(clientID: "order-api", secret: "s:cret x"))
        #expect(
            try read(nil, ["client_id": "order-api", "client_secret": "s"])
                == .secret(clientID: "order-api", secret: "s"))
        let assertion = ["client_assertion": "a.b.c", "client_assertion_type": ClientCredentials.assertionType]
        #expect(try read(nil, assertion) == .assertion("a.b.c", clientID: nil))
        #expect(throws: ClientCredentials.Fault.ambiguous) {
            try read(basic("a:b"), ["client_id": "a", "client_secret": "b"])
        }
        #expect(throws: ClientCredentials.Fault.ambiguous) { try read(basic("a:b"), ["client_id": "c"]) }
        #expect(throws: ClientCredentials.Fault.malformed) { try read(nil, ["client_secret": "b"]) }
        #expect(throws: ClientCredentials.Fault.malformed) { try read(nil, ["client_assertion": "a.b.c"]) }
        #expect(throws: ClientCredentials.Fault.malformed) { try read("Basic ???") }
        #expect(throws: ClientCredentials.Fault.missing) { try read(nil) }
        #expect(throws: ClientCredentials.Fault.missing) { try read("Bearer abc") }
    }

    private func claims(_ changes: JSONObject = [:]) throws -> JWTClaims {
        var object: JSONObject = [
            "iss": "order-api", "sub": "order-api", "aud": "https://issuer", "exp": 1_200, "jti": "x",
        ]
        for member in changes.members { object[member.key] = member.value == .null ? nil : member.value }
        return try JWTClaims(payload: JSONValue.object(object).encoded())
    }

    @Test func anAssertionIsForUsAndForNow() throws {
        let accepted = try ClientAssertion.check(claims(), audience: ["https://issuer"], now: 1_000)
        #expect(accepted == .init(clientID: "order-api", tokenID: "x", expiresAt: 1_200))
        let refused: [JSONObject] = [
            ["sub": "other"], ["iss": nil], ["aud": "https://elsewhere"], ["aud": []], ["exp": 4_606], ["exp": 1_000],
            ["exp": nil], ["jti": nil], ["jti": ""], ["nbf": 1_100],
        ]
        for change in refused {
            #expect(throws: JOSEError.self, "\(JSONValue.object(change).encodedString())") {
                try ClientAssertion.check(claims(change), audience: ["https://issuer"], now: 1_000)
            }
        }
    }

    @Test func clientIDsAreNames() {
        for name in ["order-api", "a1", "a.b_c-d"] { #expect(ClientID.isValid(name)) }
        for name in ["Order", "1a", "a", "usr_x", "a b", "", String(repeating: "a", count: 65)] {
            #expect(!ClientID.isValid(name), "\(name)")
        }
        #expect(UserID.make().hasPrefix("usr_"))
        #expect(ClientSecret.generate().utf8.count == 4 + 43)
    }
}
