import Foundation
import StrictJSON
import Testing

@testable import SecurityClient

/// The catalogue as a document, and what is refused of one.
@Suite struct RoleCatalogueTests {
    private static let path = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../deploy/config/roles.yaml").path

    @Test func theShippedCatalogueSaysTheSameInYAMLAndInJSON() throws {
        let catalogue = try RoleCatalogue(contentsOf: Self.path)
        #expect(catalogue.roles.keys.contains("risk-override"))
        let again = try RoleCatalogue(json: try JSONValue(parsing: catalogue.json.encoded()))
        #expect(again == catalogue)
        // JSON is YAML, too.
        #expect(try RoleCatalogue(yaml: catalogue.json.encodedString()) == catalogue)
        let override = try #require(catalogue.roles["risk-override"])
        #expect(!override.isStanding && override.isPrivileged && override.scopes == ["Desk"])
        #expect(override.elevation?.maximum == 900_000)
        #expect(override.elevation?.eligible == ["risk-manager"])
        #expect(catalogue.brokenConstraint(by: ["trader", "risk-manager"])?.name == "trading-apart-from-risk")
        #expect(catalogue.brokenConstraint(by: ["admin", "risk-override"]) == nil, "a dynamic one is of tokens")
    }

    @Test func everyMemberOfARoleIsKept() throws {
        let yaml = """
            permissions: [b:b, a:a]
            session_limit: { maximum: 7, when_reached: refuse }
            roles:
              one:
                permissions: [b:b, a:a]
                description: The first.
                privileged: true
                session_limit: { maximum: 3 }
                scopes: [Desk, Account]
              two:
                permissions: []
                standing: false
                elevation: { eligible: [one], approvers: [one, two], maximum_seconds: 60 }
            constraints:
              - { name: z, kind: dynamic, roles: [two, one] }
              - { name: a, kind: static, roles: [one, two], maximum: 1 }
            """
        let catalogue = try RoleCatalogue(yaml: yaml)
        #expect(catalogue.permissions == ["a:a", "b:b"])
        #expect(catalogue.permissions(of: ["one"]) == ["a:a", "b:b"])
        #expect(catalogue.permissions(of: ["one", "two", "three"]) == ["a:a", "b:b"])
        #expect(catalogue.permissions(of: []) == [] && catalogue.permissions(of: ["three"]) == [])
        #expect(catalogue.constraints.map(\.name) == ["a", "z"])
        #expect(catalogue.constraints.last?.roles == ["two", "one"], "their order says which are preferred")
        #expect(try RoleCatalogue(json: try JSONValue(parsing: catalogue.json.encoded())) == catalogue)
    }

    @Test func theStrictestLimitCounts() throws {
        let catalogue = try RoleCatalogue(
            yaml: """
                permissions: [a:b]
                session_limit: { maximum: 7 }
                roles:
                  one: { permissions: [a:b], session_limit: { maximum: 3 } }
                  two: { permissions: [], session_limit: { maximum: 3, when_reached: refuse } }
                  three: { permissions: [] }
                """)
        #expect(catalogue.sessionLimit(of: ["one", "two"]) == .init(maximum: 3, whenReached: .refuse))
        #expect(catalogue.sessionLimit(of: ["three"]) == .init(maximum: 7, whenReached: .oldestLeaves))
        #expect(catalogue.sessionLimit(of: []) == .init(maximum: 7, whenReached: .oldestLeaves))
    }

    @Test(arguments: [
        ("", "not a mapping"), ("[]", "not a mapping"), ("roles: {}", "permissions"), ("permissions: [a:b]", "roles"),
        ("permissions: [a:b]\nroles: {}", "roles"), ("permissions: [a:b\n", "parser"),
        ("permissions: [1]\nroles: {}", "names"),
        ("permissions: [a:b]\nextra: 1\nroles: { x: { permissions: [] } }", "extra"),
        ("permissions: [a:b]\nroles: { x: [] }", "roles.x"),
        ("permissions: [a:b]\nroles: { x: {} }", "roles.x.permissions"),
        ("permissions: [a:b]\nroles: { x: { permissions: [c:d] } }", "c:d"),
        ("permissions: [a:b]\nroles: { x: { permissions: [], privileged: perhaps } }", "privileged"),
        ("permissions: [a:b]\nroles: { x: { permissions: [], priviledged: true } }", "priviledged"),
        ("permissions: [a:b]\nroles: { x: { permissions: [], session_limit: { maximum: 0 } } }", "maximum"),
        (
            "permissions: [a:b]\nroles: { x: { permissions: [], session_limit: { maximum: 1, when_reached: no } } }",
            "when"
        ),
        ("permissions: [a:b]\nroles: { x: { permissions: [], scopes: Desk } }", "scopes"),
        ("permissions: [a:b]\nroles: { x: { permissions: [], standing: false } }", "standing"),
        (
            "permissions: [a:b]\nroles: { x: { permissions: [], elevation: { eligible: [x], approvers: [x] } } }",
            "maximum_seconds"
        ),
        (
            "permissions: [a:b]\nroles: { x: { permissions: [], elevation: { eligible: [], approvers: [x], maximum_seconds: 1 } } }",
            "eligible"
        ),
        (
            "permissions: [a:b]\nroles: { x: { permissions: [], elevation: { eligible: [y], approvers: [x], maximum_seconds: 1 } } }",
            "no role y"
        ),
    ])
    func aBadCatalogueIsRefusedByName(_ yaml: String, _ place: String) {
        #expect(refusal(yaml)?.contains(place) == true, "\(refusal(yaml) ?? "taken")")
    }

    /// Among them those that nobody could break, or everybody always would.
    @Test(arguments: [
        ("{ name: c, kind: static, roles: [] }", "fewer"), ("{ name: c, kind: static, roles: [x] }", "fewer"),
        ("{ name: c, kind: static, roles: [x, y], maximum: 2 }", "fewer"),
        ("{ name: c, kind: static, roles: [x, y], maximum: 0 }", "fewer"),
        ("{ name: c, kind: static, roles: [x, y], maximum: -9223372036854775808 }", "fewer"),
        ("{ name: c, kind: static, roles: [x, x] }", "fewer"),
        ("{ name: c, kind: static, roles: [x, y], maximum: one }", "number"),
        ("{ name: c, kind: static, roles: [x, z] }", "no role z"), ("{ name: c, kind: often, roles: [x, y] }", "kind"),
        ("{ name: '', kind: static, roles: [x, y] }", "name"), ("{ kind: static, roles: [x, y] }", "name"),
        ("c", "mapping"),
        ("{ name: c, kind: static, roles: [x, y] }, { name: c, kind: static, roles: [x, y] }", "twice"),
    ])
    func aBadConstraintIsRefusedByName(_ constraint: String, _ place: String) {
        let yaml = """
            permissions: [a:b]
            roles: { x: { permissions: [] }, y: { permissions: [] } }
            constraints: [\(constraint)]
            """
        #expect(refusal(yaml)?.contains(place) == true, "\(refusal(yaml) ?? "taken")")
    }

    private func refusal(_ yaml: String) -> String? {
        do {
            _ = try RoleCatalogue(yaml: yaml)
            return nil
        } catch { return "\(error)" }
    }

    // MARK: Bundles

    @Test func bundlesAreReadAsTheyAreWritten() throws {
        let catalogue = try RoleCatalogue(contentsOf: Self.path)
        let everything = AssignedRole(
            id: 7, role: "trader", scope: RoleScope(type: "Desk", id: "f\"x"), startsAt: 5, endsAt: 9)
        let bundles = [
            RolesBundle(from: nil, sequence: 0, catalogue: catalogue, assignments: []),
            RolesBundle(
                from: nil, sequence: 3, catalogue: catalogue,
                assignments: [.init(subject: "usr_1", assigned: everything)]),
            RolesBundle(
                from: 3, sequence: 5, catalogue: nil,
                assignments: [.init(subject: "usr_1", assigned: AssignedRole(id: 8, role: "viewer"))],
                removed: [.init(id: 7, subject: "usr_1")]),
        ]
        for bundle in bundles { #expect(try RolesBundle(body: bundle.body) == bundle) }
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"sequence":1}"#, #"{"sequence":-1,"from":0,"assignments":[]}"#,
        #"{"sequence":1,"assignments":[]}"#, #"{"sequence":1,"from":"0","assignments":[]}"#,
        #"{"sequence":1,"from":null,"assignments":[]}"#, #"{"sequence":1,"from":-1,"assignments":[]}"#,
        #"{"sequence":1,"from":0,"assignments":[{}]}"#,
        #"{"sequence":1,"from":0,"assignments":[{"id":1,"role":"a"}]}"#,
        #"{"sequence":1,"from":0,"assignments":[{"id":1,"role":"","subject":"u"}]}"#,
        #"{"sequence":1,"from":0,"assignments":[{"id":1,"role":"a","subject":""}]}"#,
        #"{"sequence":1,"from":0,"assignments":[{"id":1,"role":"a","subject":"u","scope":{"type":"Desk"}}]}"#,
        #"{"sequence":1,"from":0,"assignments":[{"id":1,"role":"a","subject":"u","scope":null}]}"#,
        #"{"sequence":1,"from":0,"assignments":[{"id":1,"role":"a","subject":"u","ends_at_ms":"9"}]}"#,
        #"{"sequence":1,"from":0,"assignments":[{"id":1,"role":"a","subject":"u","ends_at_ms":null}]}"#,
        #"{"sequence":1,"from":0,"assignments":[],"removed":[{"id":1}]}"#,
        #"{"sequence":1,"from":0,"assignments":[],"catalogue":{}}"#,
    ])
    func whatIsNoBundle(_ text: String) {
        #expect(throws: RoleCatalogueFault.self) { try RolesBundle(body: Array(text.utf8)) }
    }
}
