import APISecurity
import StrictJSON

extension ScopedRole {
    /// As in the claim `scoped_roles`.
    package var json: JSONValue { ["role": .string(role), "type": .string(type), "id": .string(id)] }

    /// Nil when it is no list of them. What has other members is none: they might narrow it further.
    package static func list(_ json: JSONValue) -> [ScopedRole]? {
        guard let elements = json.array else { return nil }
        var roles: [ScopedRole] = []
        for element in elements {
            guard element.object?.count == 3, let role = element["role"]?.string, let type = element["type"]?.string,
                let id = element["id"]?.string
            else { return nil }
            roles.append(ScopedRole(role: role, type: type, id: id))
        }
        return roles
    }
}
