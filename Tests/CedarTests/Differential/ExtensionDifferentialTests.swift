import StrictJSON
import Testing

@testable import Cedar

/// Texts of extension values, most of them a little wrong, and operations on what they say, by us and by the reference
/// implementation.
@Suite struct ExtensionDifferentialTests {
    /// What is compared with `context.…` is what we make of the texts `s` and `t`.
    private static let policies = """
        permit(principal, action, resource) when { decimal(context.s) == context.decimal };
        permit(principal, action, resource) when { ip(context.s) == context.ipaddr };
        permit(principal, action, resource) when { datetime(context.s) == context.datetime };
        permit(principal, action, resource) when { duration(context.s) == context.duration };
        permit(principal, action, resource) when { decimal(context.s).lessThan(decimal(context.t)) };
        permit(principal, action, resource) when { decimal(context.s).greaterThanOrEqual(decimal(context.t)) };
        permit(principal, action, resource) when { ip(context.s).isInRange(ip(context.t)) };
        permit(principal, action, resource) when { ip(context.s).isLoopback() };
        permit(principal, action, resource) when { ip(context.s).isMulticast() };
        permit(principal, action, resource) when { ip(context.s).isIpv4() };
        permit(principal, action, resource) when { datetime(context.s) < datetime(context.t) };
        permit(principal, action, resource) when { datetime(context.s).toDate() == context.date };
        permit(principal, action, resource) when { datetime(context.s).toTime() == context.time };
        permit(principal, action, resource) when { datetime(context.s).durationSince(datetime(context.t)) == context.since };
        permit(principal, action, resource) when { datetime(context.t).offset(duration(context.s)) == context.moved };
        permit(principal, action, resource) when { duration(context.s).toSeconds() == context.seconds };
        permit(principal, action, resource) when { duration(context.s).toDays() == context.days };
        permit(principal, action, resource) when { duration(context.s) <= duration(context.t) };
        """

    /// Beginnings of texts of each type.
    private static let texts: [[String]] = [
        [
            "0.0", "1.5", "-1.25", "922337203685477.5807", "-922337203685477.5808", "922337203685477.5808", "12.3456",
            "0012.3",
            "-0.0001", "100.0",
        ],
        [
            "10.0.0.1", "192.168.255.255/16", "0.0.0.0/0", "127.255.0.1/8", "224.0.0.0/4", "239.1.1.1",
            "255.255.255.255/32", "::",
            "::1/128", "1:2:3:4:5:6:7:8", "1::8", "ff02::1/8", "::ffff:0102:0304/96", "2001:db8:0:0:1::/64",
            "1:2:3:4:5:6:7::",
            "ABCD:EF01:2345:6789:ABCD:EF01:2345:6789/128", "::ffff:1.2.3.4",
        ],
        [
            "2024-02-29", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "2000-02-29T12:34:56.789+0530",
            "1900-02-28",
            "0000-01-01T00:00:00-2359", "9999-12-31T23:59:59.999+0000", "2016-12-31T23:59:59Z", "0004-02-29",
            "2100-03-01",
        ],
        [
            "1d2h3m4s5ms", "0ms", "-1h", "24h", "106751991167d7h12m55s807ms", "-9223372036854775808ms", "1m1ms",
            "36500d",
            "9223372036854775s807ms", "00001s",
        ],
    ]

    private static let marks = Array("0123456789.:-+/TZdhms aF")

    private static func text(_ random: inout RandomCase, _ kind: Int) -> String {
        var text = Array(random.pick(texts[kind]))
        for _ in 0..<random.pick([0, 0, 1, 1, 1, 2, 3]) {
            let place = random.count(0...text.count)
            switch random.count(0...3) {
            case 0: text.insert(random.pick(marks), at: place)
            case 1 where place < text.count: text.remove(at: place)
            case 2 where place < text.count: text[place] = random.pick(marks)
            default:
                let other = Array(random.pick(texts[kind]))
                text = Array(text[..<place]) + Array(other[random.count(0...other.count)...])
            }
        }
        return String(text)
    }

    private static func request(_ s: String, _ t: String) throws -> AuthorizationRequest {
        var fields: [(CedarString, Value)] = [("s", .string(CedarString(s))), ("t", .string(CedarString(t)))]
        for type in ExtensionType.allCases {
            fields.append(
                (CedarString(type.rawValue), ExtensionValue(type, parsing: s).map { .extension($0) } ?? .bool(false)))
        }
        let world = try TestWorld(context: try Record(fields).json.encodedString())
        for (name, expression) in [
            ("date", "datetime(context.s).toDate()"), ("time", "datetime(context.s).toTime()"),
            ("since", "datetime(context.s).durationSince(datetime(context.t))"),
            ("moved", "datetime(context.t).offset(duration(context.s))"),
            ("seconds", "duration(context.s).toSeconds()"),
            ("days", "duration(context.s).toDays()"),
        ] { fields.append((CedarString(name), (try? world.evaluate(expression)) ?? .bool(false))) }
        return AuthorizationRequest(
            principal: world.request.principal, action: world.request.action, resource: world.request.resource,
            context: Record(fields))
    }

    @Test func mutatedTexts() throws {
        var random = RandomCase(seed: DifferentialSize.seed(standard: 20))
        let policies = try PolicySet(parsing: Self.policies)
        let requests = try (0..<DifferentialSize.count(standard: 6000)).map { index in
            let kind = index % 4
            // `moved` takes an instant and a span of time.
            let other = kind == 3 && random.chance(50) ? 2 : kind
            return try Self.request(Self.text(&random, kind), Self.text(&random, other))
        }
        let answers = try DecisionOracle.answers([.init(policies: Self.policies, entities: "[]", requests: requests)])
        var held: [PolicyID: Int] = [:]
        for (request, theirs) in zip(requests, try answers[0].get()) {
            let response = policies.authorize(request, entities: .none)
            for policy in response.reasons { held[policy, default: 0] += 1 }
            let context = try request.context.json.encodedString()
            #expect(DecisionOracle.Answer(response) == theirs, "\(context)")
        }
        // Each holds for some of the texts.
        print(
            "extension texts: \(requests.count) pairs, held:",
            held.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })
        #expect(held.count == policies.policies.count)
    }
}
