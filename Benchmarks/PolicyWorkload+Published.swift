import Cedar

/// The applications of the evaluation in "Cedar: A New Language for Expressive, Fast, Safe, and Analyzable Authorization"
/// (OOPSLA 2024, section 5), after their description: `size` entities of each kind, each connection that can be there with
/// a probability of 0.05, and requests drawn at random.
extension PolicyWorkload {
    // MARK: gdrive

    /// Documents and folders with owners; who may see one is a member of its view, over folders and groups.
    static func gdrive(size: Int, requests: Int, seed: UInt64) -> PolicyWorkload {
        var random = SeededRandom(seed)
        var groupViews: [Int: Set<EntityUID>] = [:]
        var entities: [Entity] = []
        for user in 0..<size {
            let groups = random.some(below: size)
            for group in groups { groupViews[group, default: []].insert(EntityUID("View", "user \(user)")) }
            entities.append(
                Entity(
                    uid: EntityUID("User", "user_\(user)"),
                    attributes: [
                        "view": .entity(EntityUID("View", "user \(user)")),
                        "documents": set(random.some(below: size), "Document", "doc_"),
                        "folders": set(random.some(below: size), "Folder", "folder_"),
                    ], parents: parents(groups, "Group", "group_")))
            entities.append(Entity(uid: EntityUID("View", "user \(user)")))
        }
        for group in 0..<size {
            entities.append(Entity(uid: EntityUID("Group", "group_\(group)")))
            entities.append(Entity(uid: EntityUID("View", "group \(group)"), parents: groupViews[group] ?? []))
        }
        for folder in 0..<size {
            let above = parents(random.some(below: folder), "Folder", "folder_")
            entities.append(
                Entity(uid: EntityUID("Folder", "folder_\(folder)"), parents: above.union(views(size, &random))))
        }
        for document in 0..<size {
            let above = parents(random.some(below: size), "Folder", "folder_")
            entities.append(
                Entity(
                    uid: EntityUID("Document", "doc_\(document)"),
                    attributes: ["isPublic": .bool(.random(using: &random))],
                    parents: above.union(views(size, &random))))
        }
        let actions = ["read", "write", "share", "changeOwner", "createDocument"]
        entities += actions.map { Entity(uid: EntityUID("Action", $0)) }
        let asked = (0..<requests).map { _ in
            let action = actions[random.below(actions.count)]
            let resource =
                action == "createDocument"
                ? EntityUID("Folder", "folder_\(random.below(size))")
                : EntityUID("Document", "doc_\(random.below(size))")
            return AuthorizationRequest(
                principal: EntityUID("User", "user_\(random.below(size))"), action: EntityUID("Action", action),
                resource: resource)
        }
        return PolicyWorkload(name: "gdrive", policies: gdrivePolicies, entities: entities, requests: asked)
    }

    private static func views(_ size: Int, _ random: inout SeededRandom) -> Set<EntityUID> {
        parents(random.some(below: size), "View", "user ").union(parents(random.some(below: size), "View", "group "))
    }

    private static let gdrivePolicies = """
        permit (principal, action == Action::"read", resource) when { resource in principal.view };
        permit (principal, action == Action::"read", resource is Document) when { resource.isPublic };
        permit (principal, action in [Action::"read", Action::"write", Action::"share"], resource)
        when { resource in principal.folders || resource in principal.documents };
        permit (principal, action == Action::"changeOwner", resource) when { principal.documents.contains(resource) };
        permit (principal, action == Action::"createDocument", resource) when { principal.folders.contains(resource) };
        """

    // MARK: github

    /// Repositories with five roles and organizations with three; users have them directly, over teams and organizations.
    static func github(size: Int, requests: Int, seed: UInt64) -> PolicyWorkload {
        var random = SeededRandom(seed)
        var entities: [Entity] = []
        let roles = ["readers", "triagers", "writers", "maintainers", "admins"]
        let baseRoles = ["readers", "writers", "admins"]
        func grants(_ kind: Name, _ prefix: String, _ roles: [String], _ random: inout SeededRandom) -> Set<EntityUID> {
            let numbers = random.some(below: size)
            return Set(numbers.map { EntityUID(kind, "\(prefix)\($0)_\(roles[random.below(roles.count)])") })
        }
        func holder(_ uid: EntityUID, _ kind: Name, _ roles: [String], owner: EntityUID? = nil) -> Record {
            var fields = roles.map { (CedarString($0), Value.entity(EntityUID(kind, "\(uid.id)_\($0)"))) }
            if let owner { fields.append(("owner", .entity(owner))) }
            return Record(fields)
        }
        for number in 0..<size {
            let organization = EntityUID("Organization", "org_\(number)")
            entities.append(
                Entity(
                    uid: organization, attributes: holder(organization, "OrgPermission", baseRoles),
                    parents: grants("OrgPermission", "org_", baseRoles, &random)))
            entities += baseRoles.map { Entity(uid: EntityUID("OrgPermission", "\(organization.id)_\($0)")) }
            let repository = EntityUID("Repository", "repo_\(number)")
            let owner = EntityUID("Organization", "org_\(random.below(size))")
            entities.append(
                Entity(uid: repository, attributes: holder(repository, "RepoPermission", roles, owner: owner)))
            entities += roles.map { Entity(uid: EntityUID("RepoPermission", "\(repository.id)_\($0)")) }
            let teams = parents(random.some(below: number), "Team", "team_")
            entities.append(
                Entity(
                    uid: EntityUID("Team", "team_\(number)"),
                    parents: teams.union(grants("RepoPermission", "repo_", roles, &random))))
            var groups = grants("RepoPermission", "repo_", roles, &random)
            groups.formUnion(parents(random.some(below: size), "Team", "team_"))
            groups.formUnion(parents(random.some(below: size), "Organization", "org_"))
            groups.formUnion(grants("OrgPermission", "org_", baseRoles, &random))
            entities.append(Entity(uid: EntityUID("User", "user_\(number)"), parents: groups))
        }
        let actions = ["read", "triage", "write", "maintain", "admin"]
        for (action, next) in zip(actions, actions.dropFirst()) {
            entities.append(Entity(uid: EntityUID("Action", action), parents: [EntityUID("Action", next)]))
        }
        entities.append(Entity(uid: EntityUID("Action", "admin")))
        let asked = (0..<requests).map { _ in
            AuthorizationRequest(
                principal: EntityUID("User", "user_\(random.below(size))"),
                action: EntityUID("Action", actions[random.below(actions.count)]),
                resource: EntityUID("Repository", "repo_\(random.below(size))"))
        }
        return PolicyWorkload(name: "github", policies: githubPolicies, entities: entities, requests: asked)
    }

    private static let githubPolicies = """
        permit (principal, action == Action::"read", resource) when { principal in resource.readers };
        permit (principal, action in Action::"triage", resource) when { principal in resource.triagers };
        permit (principal, action in Action::"write", resource) when { principal in resource.writers };
        permit (principal, action in Action::"maintain", resource) when { principal in resource.maintainers };
        permit (principal, action in Action::"admin", resource) when { principal in resource.admins };
        permit (principal, action == Action::"read", resource) when { principal in resource.owner.readers };
        permit (principal, action in Action::"write", resource) when { principal in resource.owner.writers };
        permit (principal, action in Action::"admin", resource) when { principal in resource.owner.admins };
        """

    // MARK: TinyTodo

    /// To-do lists with an owner, and a team each of readers and editors.
    static func tinyTodo(size: Int, requests: Int, seed: UInt64) -> PolicyWorkload {
        var random = SeededRandom(seed)
        let application = EntityUID("Application", "TinyTodo")
        var entities = [Entity(uid: application)]
        for number in 0..<size {
            var groups = parents(random.some(below: number), "Team", "team_")
            entities.append(Entity(uid: EntityUID("Team", "team_\(number)"), parents: groups.union([application])))
            groups = parents(random.some(below: size), "Team", "team_")
            entities.append(Entity(uid: EntityUID("User", "user_\(number)"), parents: groups.union([application])))
            let tasks = (0..<random.below(51)).map { _ in task(&random) }
            entities.append(
                Entity(
                    uid: EntityUID("List", "list_\(number)"),
                    attributes: [
                        "name": .string(CedarString("list_\(number)")),
                        "owner": .entity(EntityUID("User", "user_\(random.below(size))")),
                        "readers": .entity(EntityUID("Team", "team_\(random.below(size))")),
                        "editors": .entity(EntityUID("Team", "team_\(random.below(size))")),
                        "tasks": .set(ValueSet(tasks)),
                    ], parents: [application]))
        }
        let onLists = ["GetList", "UpdateList", "DeleteList", "CreateTask", "UpdateTask", "DeleteTask", "EditShare"]
        let onApplication = ["CreateList", "GetLists"]
        entities += (onLists + onApplication).map { Entity(uid: EntityUID("Action", $0)) }
        let asked = (0..<requests).map { _ in
            let number = random.below(onLists.count + onApplication.count)
            return AuthorizationRequest(
                principal: EntityUID("User", "user_\(random.below(size))"),
                action: EntityUID("Action", (onLists + onApplication)[number]),
                resource: number < onLists.count ? EntityUID("List", "list_\(random.below(size))") : application)
        }
        return PolicyWorkload(name: "TinyTodo", policies: tinyTodoPolicies, entities: entities, requests: asked)
    }

    private static func task(_ random: inout SeededRandom) -> Value {
        .record([
            "name": .string(CedarString("task_\(random.below(1_000_000))")), "id": .int(Int64(random.below(1_000_000))),
            "state": .string(Bool.random(using: &random) ? "Checked" : "Unchecked"),
        ])
    }

    private static let tinyTodoPolicies = """
        permit (principal, action in [Action::"CreateList", Action::"GetLists"], resource == Application::"TinyTodo");
        permit (principal, action, resource) when { resource has owner && resource.owner == principal };
        permit (principal, action == Action::"GetList", resource)
        when { principal in resource.readers || principal in resource.editors };
        permit (
            principal,
            action in [Action::"UpdateList", Action::"CreateTask", Action::"UpdateTask", Action::"DeleteTask"],
            resource
        ) when { principal in resource.editors };
        permit (principal in Team::"admin", action, resource in Application::"TinyTodo");
        """

    // MARK: Shorthand

    private static func parents(_ numbers: [Int], _ type: Name, _ prefix: String) -> Set<EntityUID> {
        Set(numbers.map { EntityUID(type, "\(prefix)\($0)") })
    }

    private static func set(_ numbers: [Int], _ type: Name, _ prefix: String) -> Value {
        .set(ValueSet(numbers.map { .entity(EntityUID(type, "\(prefix)\($0)")) }))
    }
}
