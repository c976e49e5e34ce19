import Foundation
import ServiceKit
import StrictJSON
import Testing

@testable import OrderAPI

/// What is written about the service is what it does.
@Suite struct DocumentTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func text(_ path: String) throws -> String {
        try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
    }

    @Test func theInterfaceDescribesEveryRouteAndNoOther() async throws {
        let bytes = try OpenAPIDocument.load(path: Self.root.appendingPathComponent("docs/openapi/order-api.yaml").path)
        let paths = try #require(try JSONValue(parsing: bytes)["paths"]?.object)
        var described: [String: String] = [:]
        for path in paths.members {
            for operation in path.value.object?.members ?? [] where operation.key != "parameters" {
                described["\(operation.key.uppercased()) \(path.key)"] = operation.value["description"]?.string
            }
        }
        try await withWorld { world in
            let routes = OrderHTTP(world).router.routes
            #expect(Set(routes.map { "\($0.method.rawValue) \($0.path)" }) == Set(described.keys))
            for route in routes {
                let needed = try #require(route.access.permission)
                #expect(described["\(route.method.rawValue) \(route.path)"]?.contains("Needs: \(needed).") == true)
            }
        }
    }

    /// Swift in the page is a quotation of the source.
    @Test func thePageQuotesTheSource() throws {
        let source = try ["App.swift", "API/OrdersAPI.swift"].map { try text("Examples/order-api/\($0)") }.joined()
        let blocks = try text("docs/order-api.md").components(separatedBy: "```swift\n").dropFirst()
            .compactMap { $0.components(separatedBy: "\n```").first }
        #expect(blocks.count >= 5)
        for block in blocks {
            for line in block.split(separator: "\n") { #expect(source.contains(line), "\(line)") }
        }
    }
}
