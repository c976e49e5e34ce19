import Cedar
import Foundation
import SecurityClient
import ServiceKit

/// The set that is active before anybody stored one: what stands in `POLICIES_DIR`.
enum FirstPolicies {
    static func ensure(_ platform: Platform, _ versions: VersionStore) async throws {
        guard try await versions.active().isEmpty else { return }
        let folder = platform.configuration.policiesDirectory
        let content: PolicyContent
        do {
            content = try read(folder)
            let report = PolicyChecks.run(content)
            if let fault = report.errors.first { throw Diagnostics(fault.diagnostic) }
        } catch let faults as Diagnostics {
            throw ConfigurationError(faults.all.prefix(5).map { "POLICIES_DIR: \(folder)/\($0)" })
        }
        let act = Act(subject: nil, at: platform.clock())
        let version = try await versions.store(content, base: nil, reason: "first start", act)
        // Of two replicas that start at once both may activate it: the same set, under two numbers.
        _ = try await versions.activateAtOnce(version.number, kind: .bootstrap, reason: "first start", act)
    }

    static func read(_ folder: String) throws -> PolicyContent {
        let root = URL(fileURLWithPath: folder, isDirectory: true).standardizedFileURL
        guard let paths = FileManager.default.enumerator(atPath: root.path) else {
            throw ConfigurationError(["POLICIES_DIR: \(folder) cannot be read"])
        }
        var files: [String: String] = [:]
        for case let path as String in paths
        where path.hasSuffix(".cedar") || path.hasSuffix(".cedarschema")
            || path.hasSuffix(".json")
        {
            files[path] = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
        }
        return try PolicyContent(files: files)
    }
}
