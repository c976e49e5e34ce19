import HTTPTypes
import Hummingbird
import ServiceKit
import Testing

@testable import APISecurity

/// Whose address a request comes from.
@Suite struct AddressTests {
    private func address(
        trusting proxies: [String], socket: String, _ forwarded: String...
    ) async throws -> String? {
        let api = TestAPI(trustedProxies: try #require(TrustedProxies(proxies))) { router in
            router.get("/address", .public) { _, context in .json(["address": .string(context.remoteAddress)]) }
        }
        var headers = HTTPFields()
        let name = try #require(HTTPField.Name("X-Forwarded-For"))
        for value in forwarded { headers.append(HTTPField(name: name, value: value)) }
        return try await api.send(.get, "/address", headers: headers, from: socket)["address"]
    }

    @Test func nobodyIsTrusted() async throws {
        #expect(try await address(trusting: [], socket: "192.0.2.7", "203.0.113.9") == "192.0.2.7")
        #expect(try await address(trusting: ["10.0.0.0/8"], socket: "192.0.2.7", "203.0.113.9") == "192.0.2.7")
        #expect(try await address(trusting: [], socket: "127.0.0.1", "203.0.113.9") == "127.0.0.1")
    }

    /// What the client wrote itself stands further left than what the proxy saw.
    @Test(arguments: [
        (["203.0.113.9"], "203.0.113.9"), (["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        (["1.1.1.1", "203.0.113.9"], "203.0.113.9"), (["10.0.0.1, 203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.9.9.9"], "203.0.113.9"), (["1.1.1.1,203.0.113.9 ,\t10.0.0.2,10.0.0.3"], "203.0.113.9"),
        (["2001:db8::1"], "2001:db8::1"),
        // All of them proxies: the first.
        (["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        // Garbage ends what is known.
        ([""], "10.0.0.1"), (["unknown"], "10.0.0.1"), (["203.0.113.9, garbage"], "10.0.0.1"),
        (["203.0.113.9,"], "10.0.0.1"), (["203.0.113.9:4711"], "10.0.0.1"), (["[2001:db8::1]:80"], "10.0.0.1"),
        (["garbage, 10.0.0.5"], "10.0.0.5"), (["203.0.113.999"], "10.0.0.1"), (["0x7f.1"], "10.0.0.1"),
        (["127.1"], "10.0.0.1"), (["010.0.0.1x"], "10.0.0.1"), (["fe80::1%lo"], "10.0.0.1"),
        ([String(repeating: "10.0.0.2,", count: 500) + "203.0.113.9"], "203.0.113.9"),
    ])
    func behindAProxy(forwarded: [String], expected: String) async throws {
        let proxies = ["10.0.0.0/8"]
        let found =
            forwarded.count == 1
            ? try await address(trusting: proxies, socket: "10.0.0.1", forwarded[0])
            : try await address(trusting: proxies, socket: "10.0.0.1", forwarded[0], forwarded[1])
        #expect(found == expected)
    }

    @Test(arguments: [
        ("::1", "::1", true), ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::1", false),
        ("2001:db8::/33", "2001:db8:8000::1", false), ("2001:db8::/33", "2001:db8:7fff::1", true),
        ("::/0", "fe80::1", true),
        ("::/0", "192.0.2.1", true), ("0.0.0.0/0", "192.0.2.1", true), ("0.0.0.0/0", "2001:db8::1", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("10.0.0.0/8", "::10.1.2.3", false),
        ("::ffff:10.0.0.0/104", "10.9.9.9", true), ("192.0.2.128/25", "192.0.2.127", false),
        ("192.0.2.128/25", "192.0.2.200", true), ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1/32", "192.0.2.2", false),
    ])
    func networks(network: String, address: String, isInside: Bool) throws {
        #expect(try #require(TrustedProxies([network])).contains(address) == isInside)
    }

    @Test(arguments: [
        "", "x", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0/8", "::/129", "::1/x", "10.0.0.1/8/8", "localhost",
        "10.0.0.0 /8",
    ])
    func badNetworks(text: String) { #expect(TrustedProxies([text]) == nil) }
}
