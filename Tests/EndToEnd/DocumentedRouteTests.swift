import Foundation
import StrictJSON
import TestSupport
import Testing

/// The OpenAPI documents say what there is: no more, no less.
@Suite struct DocumentedRouteTests {
    /// What every service serves beside its interface.
    private static let operations: Set<String> = ["/livez", "/readyz", "/metrics", "/openapi.json"]

    /// Asks every documented path with a method that no path has: 405 names the methods that it does have.
    @Test func documentedRoutesExist() async throws {
        let system = try await SharedSystem.get()
        for http in [system.http, system.orders] {
            let document = try await http.call("GET", "/openapi.json").require(200).json
            let paths = try #require(document["paths"]?.object)
            #expect(paths.count > 2)
            for (path, item) in paths.members {
                let concrete = path.replacing(/\{[^}]+\}/, with: "x")
                let answer = try await http.call("PROPFIND", concrete)
                #expect(answer.status == 405, "\(path): \(answer.status)")
                let allowed = Set(
                    (answer.header("Allow") ?? "").split(separator: ",").map {
                        $0.trimmingCharacters(in: .whitespaces)
                    }
                ).subtracting(["HEAD", "OPTIONS"])
                let documented = Set((item.object?.keys ?? []).map { $0.uppercased() }).subtracting(["PARAMETERS"])
                #expect(allowed == documented, "\(path)")
            }
        }
    }

    /// Reads the routes out of the sources, so that one which nobody documents is found.
    @Test(arguments: [("Services/token-service", 0), ("Examples/order-api", 1)])
    func routesAreDocumented(folder: String, index: Int) async throws {
        let system = try await SharedSystem.get()
        let http = index == 0 ? system.http : system.orders
        let document = try await http.call("GET", "/openapi.json").require(200).json
        let documented = Set(document["paths"]?.object?.keys ?? [])
        let files = try #require(FileManager.default.enumerator(atPath: Project.file(folder)))
        var found: Set<String> = []
        for case let name as String in files where name.hasSuffix(".swift") {
            let text = try String(contentsOfFile: Project.file(folder) + "/" + name, encoding: .utf8)
            for match in text.matches(of: /router\.(?:hot\(\s*\.)?(get|post|put|patch|delete)[(,]\s*"([^"]+)"/) {
                found.insert(String(match.output.2))
                let operation = document["paths"]?[String(match.output.2)]?[String(match.output.1)]
                #expect(operation != nil, "\(match.output.1) \(match.output.2) is not documented")
            }
        }
        #expect(found.isSubset(of: documented))
        #expect(documented.subtracting(Self.operations).isSubset(of: found))
    }

    @Test func operationsAreThere() async throws {
        let system = try await SharedSystem.get()
        for http in [system.http, system.orders] {
            for path in Self.operations { try await http.call("GET", path).require(200) }
            let metrics = try await http.call("GET", "/metrics").text
            #expect(metrics.contains("# TYPE"))
            #expect(metrics.contains("/v1/"))
        }
    }
}
