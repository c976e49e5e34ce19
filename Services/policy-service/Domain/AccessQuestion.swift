import Cedar
import Contracts
import SecurityClient
import StrictJSON

/// One question of the OpenID AuthZEN Authorization API 1.0 (section 5): may this subject do this action to this resource?
///
/// Unknown members are ignored, as the standard has them be.
struct AccessQuestion: Sendable {
    /// The question cannot be understood (400).
    struct Fault: Error, Sendable, Hashable {
        let message: String
    }

    /// A subject or a resource. The id is missing in a search for it.
    struct Party: Sendable {
        let type: Name
        let id: CedarString?
        let properties: JSONObject

        var uid: EntityUID? { id.map { EntityUID(type: type, id: $0) } }
    }

    var subject: Party
    /// Nil in a search for actions.
    var action: String?
    var resource: Party
    var context: JSONObject

    /// - Parameters:
    ///   - defaults: members that stand in for what the question does not have: those around a list of evaluations.
    ///   - search: what is searched for, and may lack its id or name.
    init(_ json: JSONObject, defaults: JSONObject = [:], search: Search? = nil) throws(Fault) {
        func member(_ name: String) -> JSONValue? { json[name] ?? defaults[name] }
        subject = try AccessQuestion.party(member("subject"), "subject", isSearched: search == .subject)
        resource = try AccessQuestion.party(member("resource"), "resource", isSearched: search == .resource)
        if search == .action {
            action = nil
        } else {
            guard let object = member("action")?.object else { throw Fault(message: "action: an object is expected") }
            guard let name = object["name"]?.string, !name.isEmpty else {
                throw Fault(message: "action.name: a string is expected")
            }
            if let properties = object["properties"], properties.object == nil {
                throw Fault(message: "action.properties: an object is expected")
            }
            action = name
        }
        switch member("context") {
        case nil: context = [:]
        case .object(let object)?: context = object
        default: throw Fault(message: "context: an object is expected")
        }
    }

    enum Search: String, Sendable { case subject, resource, action }

    private static func party(
        _ json: JSONValue?, _ name: String, isSearched: Bool
    ) throws(Fault) -> Party {
        guard let object = json?.object else { throw Fault(message: "\(name): an object is expected") }
        guard let type = object["type"]?.string else { throw Fault(message: "\(name).type: a string is expected") }
        guard let typeName = Name(type) else {
            throw Fault(message: "\(name).type: the name of an entity type is expected")
        }
        let id = object["id"]
        guard isSearched || id?.string != nil else { throw Fault(message: "\(name).id: a string is expected") }
        switch object["properties"] {
        case nil:
            return Party(type: typeName, id: isSearched ? nil : id?.string.map { CedarString($0) }, properties: [:])
        case .object(let properties)?:
            return Party(
                type: typeName, id: isSearched ? nil : id?.string.map { CedarString($0) }, properties: properties)
        default: throw Fault(message: "\(name).properties: an object is expected")
        }
    }
}

/// What a question comes to against a snapshot: the request for the engine, with what the caller asserts and may.
struct PreparedQuestion: Sendable {
    let request: AuthorizationRequest
    let entities: [Entity]

    /// - Parameters:
    ///   - roles: which the principal is in besides what is stored.
    ///   - now: milliseconds since the epoch.
    /// - Throws: `AccessQuestion.Fault` for what may not be asserted, or does not fit the schema.
    init(
        _ question: AccessQuestion, principal: EntityUID, action: String, resource: EntityUID,
        _ snapshot: PolicySnapshot, roles: AssignedRoles, now: Int64
    ) throws(AccessQuestion.Fault) {
        var entities: [Entity] = []
        if let entity = try PreparedQuestion.asserted(question.subject.properties, of: principal, snapshot) {
            entities.append(entity)
        }
        if let entity = try PreparedQuestion.asserted(question.resource.properties, of: resource, snapshot) {
            entities.append(entity)
        }
        try PreparedQuestion.check(question.context, snapshot)
        let actionUID = EntityUID(type: AuthorizationSubject.Names.action, id: CedarString(action))
        request = AuthorizationRequest(
            principal: principal, action: actionUID, resource: resource,
            context: try PreparedQuestion.context(question.context, of: actionUID, snapshot, now: now))
        roles.join(principal, for: resource, in: snapshot, now: now, &entities)
        self.entities = entities
    }

    /// - Throws: names what of the context is not for the caller to say.
    static func check(_ context: JSONObject, _ snapshot: PolicySnapshot) throws(AccessQuestion.Fault) {
        for name in context.keys where !snapshot.policies.loaded.assertable.allowsContext(CedarString(name)) {
            throw AccessQuestion.Fault(message: "context.\(name) is not for the caller to say")
        }
    }

    /// - Throws: names what of a type's properties is not for the caller to say.
    static func check(
        _ properties: JSONObject, of type: Name, _ snapshot: PolicySnapshot
    ) throws(AccessQuestion.Fault) {
        for name in properties.keys where !snapshot.policies.loaded.assertable.allows(CedarString(name), of: type) {
            throw AccessQuestion.Fault(message: "\(name) of \(type) is not for the caller to say")
        }
    }

    /// The context of an action: what the caller says of it, and what time it is.
    static func context(
        _ context: JSONObject, of action: EntityUID, _ snapshot: PolicySnapshot, now: Int64
    ) throws(AccessQuestion.Fault) -> Record {
        let schema = snapshot.policies.loaded.schema
        var context = context
        // What time it is, is never the caller's to say.
        if schema.actions[action]?.context.attributes["now"] != nil {
            context["now"] = ["__extn": ["fn": "datetime", "arg": .string(RFC3339.string(milliseconds: now))]]
        }
        do {
            return try Record(contextJSON: .object(context), schema: schema, action: action)
        } catch { throw AccessQuestion.Fault(message: "context: \(error.all.first?.description ?? "")") }
    }

    /// The entity as the caller asserts it, for this request; nil when nothing is said of it.
    static func asserted(
        _ properties: JSONObject, of uid: EntityUID, _ snapshot: PolicySnapshot
    ) throws(AccessQuestion.Fault) -> Entity? {
        guard !properties.isEmpty else { return nil }
        try check(properties, of: uid.type, snapshot)
        let stored = snapshot.store[uid]
        do {
            // What is asserted comes beside what is stored, and instead of it where both say something.
            var attributes = try stored?.attributes.json.object ?? [:]
            for member in properties.members { attributes[member.key] = member.value }
            var entity = try Entity(
                json: [
                    "uid": ["type": .string(uid.type.text), "id": .string(uid.id.string)],
                    "attrs": .object(attributes), "parents": .array([]),
                ], schema: snapshot.policies.loaded.schema)
            entity.parents = stored?.parents ?? []
            entity.tags = stored?.tags ?? .empty
            return entity
        } catch { throw AccessQuestion.Fault(message: error.all.first?.description ?? "properties") }
    }
}
