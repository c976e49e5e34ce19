import Cedar
import Foundation
import ServiceKit
import StrictJSON
import TestSupport
import Testing

import SecurityClient

@testable import PolicyService

/// What is written about the service is what it does.
@Suite struct DocumentTests {
    @Test func theInterfaceDescribesEveryRouteAndNoOther() async throws {
        let bytes = try OpenAPIDocument.load(path: Project.file("docs/openapi/policy-service.yaml"))
        let paths = try #require(try JSONValue(parsing: bytes)["paths"]?.object)
        var described: [String: JSONValue] = [:]
        for path in paths.members {
            for operation in path.value.object?.members ?? [] where operation.key != "parameters" {
                described["\(operation.key.uppercased()) \(path.key)"] = operation.value
            }
        }
        let routes = try await PolicyWorld().service.router.routes
        let served = Set(routes.map { "\($0.method.rawValue) \($0.path)" })
        #expect(served.subtracting(described.keys) == [], "served and not described")
        #expect(Set(described.keys).subtracting(served) == [], "described and not served")
        for route in routes {
            guard let operation = described["\(route.method.rawValue) \(route.path)"] else { continue }
            let text = operation["description"]?.string ?? ""
            if let needed = route.access.permission {
                #expect(
                    text.contains(
                        route.access == .privileged(needed) ? "Needs: \(needed); privileged." : "Needs: \(needed)."),
                    "\(route.method) \(route.path): \(needed)")
            } else if route.access == .public {
                #expect(operation["security"] == [], "\(route.method) \(route.path) is open to all")
            }
        }
    }

    /// Each block of a page that is marked as of a language.
    private func blocks(_ language: String, in page: String) throws -> [String] {
        try String(contentsOfFile: Project.file(page), encoding: .utf8).components(separatedBy: "```\(language)\n")
            .dropFirst().compactMap { $0.components(separatedBy: "\n```").first }
    }

    @Test(arguments: ["docs/policy-authoring.md", "docs/migrating-to-policy-service.md"])
    func policiesOfTheGuidesRead(page: String) throws {
        let found = try blocks("cedar", in: page)
        #expect(!found.isEmpty)
        for block in found {
            #expect(throws: Never.self, "\(block)") { _ = try PolicySet(parsing: block) }
        }
    }

    /// Policies with an id that the shipped set has are quotations of it.
    @Test func theGuideQuotesThePolicies() throws {
        let shipped = try FirstPolicies.read(PolicyWorld.shipped)
        let loaded = try LoadedPolicies(shipped)
        var quoted = 0
        for block in try blocks("cedar", in: "docs/policy-authoring.md") {
            for policy in try PolicySet(parsing: block).policies {
                guard let id = policy.annotation("id"), let other = loaded.policies.policy(PolicyID(id)) else {
                    continue
                }
                #expect(policy.text == other.text, "\(id)")
                quoted += 1
            }
        }
        #expect(quoted >= 4)
    }

    /// The attributes and the test file of the guide are ones that a set may hold.
    @Test func theGuidesTestsPass() async throws {
        let examples = try blocks("json", in: "docs/policy-authoring.md")
        let attributes = try #require(examples.first { $0.contains("\"entities\": {") })
        let tests = try #require(examples.first { $0.contains("\"tests\"") })
        var files = try FirstPolicies.read(PolicyWorld.shipped).files
        files["attributes.json"] = attributes
        files["tests/guide.json"] = tests
        let checks = PolicyChecks.run(try PolicyContent(files: files))
        #expect(checks.isValid, "\(checks.errors.map(\.message))")
    }
}
