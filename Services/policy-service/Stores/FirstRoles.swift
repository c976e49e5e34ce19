import SecurityClient
import ServiceKit

/// The catalogue of roles before anybody changed it: what stands in `ROLES_FILE`.
enum FirstRoles {
    static func ensure(_ platform: Platform, _ roles: RoleStore) async throws {
        let file: RoleCatalogue
        do {
            file = try RoleCatalogue(contentsOf: platform.configuration.rolesFile)
        } catch { throw ConfigurationError(["ROLES_FILE: \(error)"]) }
        try await roles.bootstrap(file, at: platform.clock())
    }
}
