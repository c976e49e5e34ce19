import StrictJSON

/// The body of what is told of roles: the whole, or what changed after a number.
package struct RolesBundle: Sendable, Equatable {
    package static let maximumBytes = 64 << 20

    package struct Assignment: Sendable, Hashable {
        /// The person, by subject id.
        package var subject: String
        package var assigned: AssignedRole

        package init(subject: String, assigned: AssignedRole) {
            self.subject = subject
            self.assigned = assigned
        }
    }

    package struct Removed: Sendable, Hashable {
        package var id: Int64
        package var subject: String

        package init(id: Int64, subject: String) {
            self.id = id
            self.subject = subject
        }
    }

    /// Nil: this is the whole.
    package var from: Int64?
    /// Rises with every change.
    package var sequence: Int64
    /// Nil in a change that leaves it as it is.
    package var catalogue: RoleCatalogue?
    package var assignments: [Assignment]
    package var removed: [Removed]

    package init(
        from: Int64?, sequence: Int64, catalogue: RoleCatalogue?, assignments: [Assignment], removed: [Removed] = []
    ) {
        self.from = from
        self.sequence = sequence
        self.catalogue = catalogue
        self.assignments = assignments
        self.removed = removed
    }

    package var body: [UInt8] {
        var object: JSONObject = ["sequence": .int(sequence), "assignments": .array(assignments.map(\.json))]
        object["from"] = from.map { .int($0) }
        object["catalogue"] = catalogue?.json
        if from != nil {
            object["removed"] = .array(removed.map { ["id": .int($0.id), "subject": .string($0.subject)] })
        }
        return JSONValue.object(object).encoded()
    }

    package init(body: [UInt8]) throws(RoleCatalogueFault) {
        let json: JSONValue
        do {
            json = try JSONValue(
                parsing: body,
                limits: JSONLimits(maxBytes: RolesBundle.maximumBytes, maxDepth: 16, maxMembers: 10_000_000))
        } catch { throw RoleCatalogueFault("\(error)") }
        guard let sequence = json["sequence"]?.int, sequence >= 0, let list = json["assignments"]?.array else {
            throw RoleCatalogueFault("sequence and assignments are expected")
        }
        var assignments: [Assignment] = []
        assignments.reserveCapacity(list.count)
        for element in list {
            guard let assignment = Assignment(json: element) else {
                throw RoleCatalogueFault("assignments: id, subject and role are expected")
            }
            assignments.append(assignment)
        }
        var removed: [Removed] = []
        for element in json["removed"]?.array ?? [] {
            guard let id = element["id"]?.int, let subject = element["subject"]?.string else {
                throw RoleCatalogueFault("removed: id and subject are expected")
            }
            removed.append(Removed(id: id, subject: subject))
        }
        let catalogue: RoleCatalogue?
        if let document = json["catalogue"] { catalogue = try RoleCatalogue(json: document) } else { catalogue = nil }
        let from = json["from"]?.int
        // What is no number must not turn a change into the whole.
        guard (from ?? 0) >= 0, (from == nil) == (json["from"] == nil) else {
            throw RoleCatalogueFault("from: a number is expected")
        }
        guard from != nil || catalogue != nil else { throw RoleCatalogueFault("a catalogue is expected") }
        self.init(
            from: from, sequence: sequence, catalogue: catalogue, assignments: assignments, removed: removed)
    }
}

extension RolesBundle.Assignment {
    var json: JSONValue {
        var object = assigned.members
        object["subject"] = .string(subject)
        return .object(object)
    }

    init?(json: JSONValue) {
        guard let subject = json["subject"]?.string, !subject.isEmpty, let assigned = AssignedRole(json: json) else {
            return nil
        }
        self.init(subject: subject, assigned: assigned)
    }
}

extension AssignedRole {
    /// `id`, `role`, and `scope`, `starts_at_ms` and `ends_at_ms` where there are such.
    package var json: JSONValue { .object(members) }

    fileprivate var members: JSONObject {
        var object: JSONObject = ["id": .int(id), "role": .string(role)]
        object["scope"] = scope.map { ["type": .string($0.type), "id": .string($0.id)] }
        object["starts_at_ms"] = startsAt.map { .int($0) }
        object["ends_at_ms"] = endsAt.map { .int($0) }
        return object
    }

    /// Nil when it is none. A scope or an end that cannot be read does not make a role that is wider or lasts longer.
    package init?(json: JSONValue) {
        guard let id = json["id"]?.int, let role = json["role"]?.string, !role.isEmpty else { return nil }
        var scope: RoleScope?
        if let value = json["scope"] {
            guard let type = value["type"]?.string, let id = value["id"]?.string else { return nil }
            scope = RoleScope(type: type, id: id)
        }
        for name in ["starts_at_ms", "ends_at_ms"] where json[name] != nil {
            guard json[name]?.int != nil else { return nil }
        }
        self.init(
            id: id, role: role, scope: scope, startsAt: json["starts_at_ms"]?.int, endsAt: json["ends_at_ms"]?.int)
    }
}
