@testable import Cedar

/// What random values and expressions are meant to be.
indirect enum RandomKind: Hashable, Sendable {
    case bool, int, string
    case entity(String)
    case set(RandomKind)
    case record([RandomField])
    case `extension`(ExtensionType)
}

struct RandomField: Hashable, Sendable {
    let name: CedarString
    let kind: RandomKind

    init(_ name: CedarString, _ kind: RandomKind) {
        self.name = name
        self.kind = kind
    }
}

/// What the entities and contexts of random cases mostly have.
enum RandomCatalog {
    static let user = "App::User"
    static let group = "Group"
    static let document = "App::Doc"
    static let action = "Action"
    static let types = [user, group, document, action]

    static let attributes: [String: [RandomField]] = [
        user: [
            .init("age", .int), .init("name", .string), .init("active", .bool), .init("manager", .entity(user)),
            .init("groups", .set(.entity(group))), .init("limit", .extension(.decimal)),
            .init("host", .extension(.ipaddr)),
            .init("since", .extension(.datetime)), .init("session", .extension(.duration)),
            .init("odd name\n", .string), .init("numbers", .set(.int)),
            .init("address", .record([.init("city", .string), .init("geo", .record([.init("code", .int)]))])),
        ],
        group: [.init("level", .int), .init("admins", .set(.entity(user))), .init("parent", .entity(group))],
        document: [
            .init("owner", .entity(user)), .init("size", .int), .init("labels", .set(.string)), .init("public", .bool),
            .init("created", .extension(.datetime)), .init("price", .extension(.decimal)),
            .init("acl", .set(.entity(user))), .init("networks", .set(.extension(.ipaddr))),
            .init("meta", .record([.init("kind", .string), .init("rank", .int), .init("if", .bool)])),
        ],
        action: [.init("risk", .int)],
    ]

    static let context: [RandomField] = [
        .init("ip", .extension(.ipaddr)), .init("now", .extension(.datetime)), .init("n", .int), .init("ok", .bool),
        .init("actor", .entity(user)), .init("tags", .set(.string)), .init("wait", .extension(.duration)),
        .init("info", .record([.init("a", .int), .init("b", .bool)])), .init("target", .entity(document)),
    ]

    /// Names and kinds of tags.
    static let tags: [RandomField] = [.init("level", .int), .init("color", .string), .init("", .bool)]

    static let ids: [CedarString] = ["alice", "bob", "e\u{301}", "\u{e9}", "", "a*b"]

    /// Few, so that comparisons come out either way; and those at the ends.
    static let integers: [Int64] = [0, 1, 2, 3, 10, 50, -1, -7, .max, .min, .max - 1, 3_037_000_500]
    static let strings: [CedarString] = [
        "", "a", "ab", "alice", "bob", "a*b", "e\u{301}", "\u{e9}", "level", "color", "\0", "\"", "aab", "😀x",
    ]
    static let texts: [ExtensionType: [CedarString]] = [
        .decimal: ["0.0", "1.0", "1.00", "-1.5", "922337203685477.5807", "-922337203685477.5808", "0.0001", "1.2345"],
        .ipaddr: [
            "10.0.0.1", "10.0.0.0/8", "10.0.0.1/32", "127.0.0.1", "127.0.0.0/7", "0.0.0.0/0", "224.0.0.1", "::1",
            "::/0", "ff00::/8",
            "::ffff:a00:1", "2001:db8::/33",
        ],
        .datetime: [
            "1970-01-01", "2024-02-29", "2024-02-29T12:00:00Z", "2024-02-29T23:30:00.500-0130",
            "1969-12-31T23:59:59.999Z",
            "0000-01-01", "9999-12-31T23:59:59.999Z", "2024-03-01T00:00:00+2359",
        ],
        .duration: [
            "0ms", "1d", "-1d2h", "24h", "1m", "60s", "9223372036854775807ms", "-9223372036854775808ms", "1d2h3m4s5ms",
        ],
    ]
    /// Of no extension type.
    static let badTexts: [CedarString] = [
        "", "1", "1.", "1.00000", "256.0.0.1", "1.2.3.4/33", "::1.2.3.4", "2023-02-29", "1h1d", "1x",
    ]
}
