import APISecurity
import Contracts
import Hummingbird
import SecurityClient
import StrictJSON

/// How what is not done about roles is answered.
enum RoleProblems {
    static func problem(_ fault: RoleFault) -> Problem {
        switch fault {
        case .unknownRole(let role): wrong("unknown-role", "There is no such role", role)
        case .unknownSubject: wrong("unknown-subject", "There is no such person")
        case .invalidRole(let detail): wrong("invalid-role", "The role is not valid", detail)
        case .invalidConstraint(let detail): wrong("invalid-constraint", "The constraint is not valid", detail)
        case .notStanding(let role): wrong("not-standing", "The role can be had by elevation only", role)
        case .scopeNotAllowed(let role, let type):
            wrong("scope-not-allowed", "The role is not held for entities of this type", "\(role) for \(type)")
        case .invalidPeriod(let detail): wrong("invalid-period", "The time is not one to hold a role", detail)
        case .noElevation(let role): wrong("no-elevation", "The role is not to be had for a while", role)
        case .tooLong(let maximum):
            wrong("too-long", "The role is not to be had for so long", "At most \(maximum / 1_000) seconds.")
        case .ownAssignment: .conflict("own-assignment", title: "Nobody gives roles to herself")
        case .alreadyAssigned(let id):
            conflict("already-assigned", "The role is held already", ["assignment": .int(id)])
        case .separationOfDuties(let constraint):
            conflict(
                "separation-of-duties", "The role is not held together with others that are",
                ["constraint": .string(constraint)])
        case .ownRole(let role): .conflict("own-role", title: "Whoever holds a role does not widen it", detail: role)
        case .roleInUse(let detail): .conflict("role-in-use", title: "The role is in use", detail: detail)
        case .notEligible(let roles):
            .forbidden("not-eligible", detail: "One of these roles is needed: \(roles.joined(separator: ", ")).")
        case .notApprover(let roles):
            .forbidden("not-an-approver", detail: "One of these roles is needed: \(roles.joined(separator: ", ")).")
        case .fourEyes: .conflict("four-eyes", title: "Whoever asked for it does not decide about it")
        case .alreadyRequested(let id):
            conflict("already-requested", "It was asked for, and waits for a decision", ["elevation": .int(id)])
        case .alreadyDecided(let state):
            conflict("already-decided", "It does not wait for a decision", ["state": .string(state.rawValue)])
        case .notInEffect(let state):
            conflict("not-in-effect", "There is nothing to end", ["state": .string(state.rawValue)])
        }
    }

    private static func wrong(_ type: String, _ title: String, _ detail: String? = nil) -> Problem {
        .unprocessable(type, title: title, detail: detail)
    }

    private static func conflict(_ type: String, _ title: String, _ extensions: JSONObject) -> Problem {
        var problem = Problem.conflict(type, title: title)
        problem.extensions = extensions
        return problem
    }
}

extension PeopleDirectory {
    /// The roles of somebody's account.
    /// - Throws: `RoleFault.unknownSubject`; `Problem` 503 when it cannot be found out.
    func account(of subject: String) async throws -> [String] {
        let person: Person?
        do {
            person = try await self.person(subject)
        } catch { throw Problem.unavailable(detail: "It cannot be found out at the moment who the person is.") }
        guard let person else { throw RoleFault.unknownSubject }
        return person.roles
    }
}

extension APIContext {
    /// The roles of the caller, by her token.
    func heldRoles() throws(Problem) -> HeldRoles {
        let identity = try requireIdentity()
        return HeldRoles(roles: identity.roles, scoped: identity.scopedRoles)
    }

    /// An identifier in the query; nil when there is none.
    func identifier(_ name: String) throws(Problem) -> String? {
        guard let text = query[name] else { return nil }
        var fields = BodyFields([name: .string(text)])
        let found = fields.optionalString(name, length: 1...128, pattern: .identifier)
        guard let found else { throw .badRequest("bad-query", detail: "\(name) is an identifier.") }
        return found
    }

    /// A number in the path.
    func number(_ name: String) throws -> Int64 {
        guard let number = Int64(try parameters.require(name)) else { throw Problem.notFound() }
        return number
    }
}

extension Request {
    /// The members of the body; none when there is no body.
    func optionalFields(_ context: APIContext) async throws -> BodyFields {
        if headers[.contentType] != nil { return try await fields(context) }
        guard try await body(context).readableBytes == 0 else {
            throw Problem(
                status: .unsupportedMediaType, type: "unsupported-media-type", title: "The media type is not taken",
                detail: "application/json is expected.")
        }
        return BodyFields([:])
    }
}

extension BodyFields {
    /// `scope`: for which entity alone.
    mutating func roleScope() -> RoleScope? {
        guard optionalValue("scope") != nil else { return nil }
        return nested("scope") { inner in
            RoleScope(
                type: inner.string("type", length: 1...128, pattern: .printable),
                id: inner.string("id", length: 1...256, pattern: .printable))
        }
    }

    /// A time, in milliseconds since the epoch.
    mutating func optionalTime(_ name: String) -> Int64? {
        guard let text = optionalString(name, length: 20...64) else { return nil }
        guard let time = RFC3339.milliseconds(text) else {
            reject(name, "a time as RFC 3339 writes it is expected")
            return nil
        }
        return time
    }
}

extension RoleScope {
    var json: JSONValue { ["type": .string(type), "id": .string(id)] }
}
