import Contracts
import Foundation
import Yams

/// How many sessions somebody may have, and what happens at one more.
struct SessionLimit: Sendable, Equatable {
    enum WhenReached: String, Sendable { case oldestLeaves = "oldest-leaves", refuse }
    var maximum: Int
    var whenReached: WhenReached
}

/// What roles mean. Answered from a file now, by policy-service later.
protocol RoleCatalogue: Sendable {
    var roles: [String] { get }
    func contains(_ role: String) -> Bool
    /// Sorted, each once; roles that are not known give nothing.
    func permissions(of roles: [String]) -> [String]
    /// Whether one of the roles cannot be used without a second factor.
    func isPrivileged(_ roles: [String]) -> Bool
    /// The strictest limit of the roles.
    func sessionLimit(of roles: [String]) -> SessionLimit
    /// Whether a permission of this name is known.
    func knows(permission: String) -> Bool
}

extension RoleCatalogue {
    /// Whoever may write users administers the others; the last such user stays.
    func isAdministrator(_ roles: [String]) -> Bool {
        permissions(of: roles).contains(Permission.writeUsers.rawValue)
    }
}

/// The catalogue in a YAML file:
/// ```yaml
/// permissions: [orders:view, ...]
/// session_limit: { maximum: 10, when_reached: oldest-leaves }
/// roles:
///   trader: { permissions: [orders:place], privileged: false, session_limit: { maximum: 3, when_reached: refuse } }
/// ```
struct FileRoleCatalogue: RoleCatalogue {
    struct Fault: Error, CustomStringConvertible { let description: String }

    struct Role: Sendable {
        var permissions: [String]
        var isPrivileged: Bool
        var limit: SessionLimit?
    }

    let entries: [String: Role]
    /// Of each role, sorted and each once: most people have one role.
    private let permissions: [String: [String]]
    private let known: Set<String>
    private let standardLimit: SessionLimit

    init(contentsOf path: String) throws {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch { throw Fault(description: "\(path): cannot be read") }
        do {
            try self.init(yaml: text)
        } catch { throw Fault(description: "\(path): \(error)") }
    }

    init(yaml: String) throws {
        guard let root = try Yams.load(yaml: yaml) as? [String: Any] else { throw Fault(description: "not a mapping") }
        try FileRoleCatalogue.check(root, only: ["permissions", "session_limit", "roles"], at: "the catalogue")
        guard let names = root["permissions"] as? [String], !names.isEmpty else {
            throw Fault(description: "permissions: a list of names is expected")
        }
        known = Set(names)
        standardLimit =
            try FileRoleCatalogue.limit(root["session_limit"], at: "session_limit")
            ?? SessionLimit(maximum: 10, whenReached: .oldestLeaves)
        guard let roles = root["roles"] as? [String: Any], !roles.isEmpty else {
            throw Fault(description: "roles: a mapping is expected")
        }
        var entries: [String: Role] = [:]
        for (name, value) in roles {
            guard let role = value as? [String: Any] else {
                throw Fault(description: "roles.\(name): a mapping is expected")
            }
            try FileRoleCatalogue.check(
                role, only: ["permissions", "privileged", "session_limit", "description"], at: "roles.\(name)")
            guard let permissions = role["permissions"] as? [String] else {
                throw Fault(description: "roles.\(name).permissions: a list of names is expected")
            }
            if let stranger = permissions.first(where: { !names.contains($0) }) {
                throw Fault(description: "roles.\(name): \(stranger) is not among the permissions")
            }
            let privileged = role["privileged"] ?? false
            guard let isPrivileged = privileged as? Bool else {
                throw Fault(description: "roles.\(name).privileged: true or false is expected")
            }
            entries[name] = Role(
                permissions: permissions, isPrivileged: isPrivileged,
                limit: try FileRoleCatalogue.limit(role["session_limit"], at: "roles.\(name).session_limit"))
        }
        self.entries = entries
        permissions = entries.mapValues { Set($0.permissions).sorted() }
    }

    var roles: [String] { entries.keys.sorted() }
    func contains(_ role: String) -> Bool { entries[role] != nil }
    func knows(permission: String) -> Bool { known.contains(permission) }
    func isPrivileged(_ roles: [String]) -> Bool { roles.contains { entries[$0]?.isPrivileged ?? false } }

    func permissions(of roles: [String]) -> [String] {
        if roles.count == 1 { return permissions[roles[0]] ?? [] }
        var all: Set<String> = []
        for role in roles { all.formUnion(permissions[role] ?? []) }
        return all.sorted()
    }

    func sessionLimit(of roles: [String]) -> SessionLimit {
        roles.compactMap { entries[$0]?.limit }.min { left, right in
            // Of equal numbers the refusing one is stricter.
            (left.maximum, left.whenReached == .refuse ? 0 : 1) < (right.maximum, right.whenReached == .refuse ? 0 : 1)
        } ?? standardLimit
    }

    private static func limit(_ value: Any?, at place: String) throws -> SessionLimit? {
        guard let value else { return nil }
        guard let map = value as? [String: Any] else { throw Fault(description: "\(place): a mapping is expected") }
        try check(map, only: ["maximum", "when_reached"], at: place)
        guard let maximum = map["maximum"] as? Int, (1...100_000).contains(maximum) else {
            throw Fault(description: "\(place).maximum: a number from 1 to 100000 is expected")
        }
        let name = map["when_reached"] ?? SessionLimit.WhenReached.oldestLeaves.rawValue
        guard let when = (name as? String).flatMap(SessionLimit.WhenReached.init(rawValue:)) else {
            throw Fault(description: "\(place).when_reached: oldest-leaves or refuse is expected")
        }
        return SessionLimit(maximum: maximum, whenReached: when)
    }

    private static func check(_ map: [String: Any], only names: Set<String>, at place: String) throws {
        if let stranger = map.keys.sorted().first(where: { !names.contains($0) }) {
            throw Fault(description: "\(place): unknown key \(stranger)")
        }
    }
}
