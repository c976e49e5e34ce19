import Testing

@testable import Cedar

/// Entities and requests by a schema.
@Suite struct EntityValidationTests {
    static func uid(_ type: String, _ id: CedarString) -> EntityUID { EntityUID(type: Name(unchecked: type), id: id) }
    static let ip = Value.extension(.ip(.init(family: .v4, address: 1, prefix: 32)))
    static let user = Entity(
        uid: uid("User", "a"),
        attributes: [
            "name": .string("A"), "age": .int(3), "home": .record(["city": .string("B")]), "roles": .set(ValueSet([])),
            "joined": .extension(.datetime(.init(milliseconds: 0))), "from": ip,
            "limit": .extension(.decimal(.init(tenThousandths: 1))),
        ], parents: [uid("Group", "g"), uid("Org", "o")], tags: ["t": .string("x")])

    static func changed(_ name: CedarString, _ value: Value?, of entity: Entity = user) -> Entity {
        var entity = entity
        var fields = entity.attributes.fields.filter { $0.name != name }.map { ($0.name, $0.value) }
        if let value { fields.append((name, value)) }
        entity.attributes = Record(fields)
        return entity
    }

    static func codes(_ entities: Entity...) throws -> [ValidationIssue.Code] {
        try Validator(schema: ValidationSample.schema()).validate(entities: try Entities(entities)).map(\.code)
    }

    @Test func attributes() throws {
        let user = Self.user
        let other = Self.uid("User", "b")
        #expect(try Self.codes(user) == [])
        #expect(try Self.codes(Self.changed("nick", .string("x"))) == [])
        #expect(try Self.codes(Self.changed("boss", .entity(other))) == [])
        #expect(try Self.codes(Self.changed("name", nil)) == [.missingAttribute])
        #expect(try Self.codes(Self.changed("name", .int(1))) == [.wrongValueType])
        #expect(try Self.codes(Self.changed("nick", .int(1))) == [.wrongValueType])
        #expect(try Self.codes(Self.changed("more", .int(1))) == [.unexpectedAttribute])
        #expect(try Self.codes(Self.changed("boss", .entity(Self.uid("Bot", "b")))) == [.wrongValueType])
        #expect(try Self.codes(Self.changed("roles", .set(ValueSet([.string("x"), .int(1)])))) == [.wrongValueType])
        #expect(try Self.codes(Self.changed("home", .record([:]))) == [.missingAttribute])
        #expect(try Self.codes(Self.changed("home", .record(["city": .string("x"), "zip": .string("y")]))) == [])
        #expect(
            try Self.codes(Self.changed("home", .record(["city": .string("x"), "q": .int(1)]))) == [
                .unexpectedAttribute
            ])
        #expect(
            try Self.codes(Self.changed("from", .extension(.datetime(.init(milliseconds: 1))))) == [.wrongValueType])
    }

    @Test func parentsTagsAndNames() throws {
        var user = Self.user
        user.tags = ["t": .int(1)]
        #expect(try Self.codes(user) == [.wrongValueType])
        user.tags = [:]
        user.parents = [Self.uid("Album", "a")]
        #expect(try Self.codes(user) == [.forbiddenParent])
        user.parents = [Self.uid("User", "z")]
        #expect(try Self.codes(user) == [.forbiddenParent])
        #expect(try Self.codes(Entity(uid: Self.uid("Nobody", "a"))) == [.unknownEntityType])
        #expect(try Self.codes(Entity(uid: Self.uid("Color", "red"))) == [])
        #expect(try Self.codes(Entity(uid: Self.uid("Color", "blue"))) == [.unknownEnumeratedID])
        #expect(
            try Self.codes(
                Entity(uid: Self.uid("Group", "g"), attributes: ["name": .string("x")], tags: ["t": .int(1)]))
                == [.unexpectedTag])
        let bot = Entity(
            uid: Self.uid("Bot", "b"), attributes: ["name": .string("x"), "age": .string("y")], tags: ["t": .int(1)])
        #expect(try Self.codes(bot) == [])
        let photo = Entity(
            uid: Self.uid("Photo", "p"),
            attributes: [
                "owner": .entity(user.uid), "public": .bool(true), "labels": .set(ValueSet([])),
                "shown": .set(ValueSet([])), "maker": .entity(bot.uid), "color": .entity(Self.uid("Color", "red")),
            ])
        #expect(try Self.codes(photo) == [])
        #expect(
            try Self.codes(Self.changed("color", .entity(Self.uid("Color", "blue")), of: photo)) == [
                .unknownEnumeratedID
            ])
    }

    @Test func actions() throws {
        func action(_ id: CedarString, _ parents: [CedarString]) -> Entity {
            Entity(uid: Self.uid("Action", id), parents: Set(parents.map { Self.uid("Action", $0) }))
        }
        #expect(try Self.codes(action("read", ["see"]), action("see", ["all"]), action("all", [])) == [])
        #expect(try Self.codes(action("read", ["see", "all"])) == [])
        // What the schema says it is in over two steps is missing.
        #expect(try Self.codes(action("read", ["see"])) == [.differentAction])
        #expect(try Self.codes(action("read", [])) == [.differentAction])
        #expect(try Self.codes(action("all", ["add"])) == [.differentAction])
        #expect(try Self.codes(action("none", [])) == [.unknownAction])
        var action = action("all", [])
        action.attributes = ["a": .int(1)]
        #expect(try Self.codes(action) == [.differentAction])
    }

    static let context: Record = [
        "ip": ip, "mfa": .bool(true), "at": .record(["day": .int(1)]),
    ]

    static func requestCodes(
        _ principal: EntityUID = uid("User", "a"), _ action: CedarString = "read",
        _ resource: EntityUID = uid("Photo", "p"), _ context: Record = context
    ) throws -> [ValidationIssue.Code] {
        try Validator(schema: ValidationSample.schema()).validate(
            request: AuthorizationRequest(
                principal: principal, action: uid("Action", action), resource: resource, context: context)
        ).map(\.code)
    }

    @Test func requests() throws {
        #expect(try Self.requestCodes() == [])
        #expect(try Self.requestCodes(Self.uid("Bot", "b")) == [])
        #expect(try Self.requestCodes(Self.uid("Group", "b")) == [.wrongPrincipalType])
        #expect(try Self.requestCodes(Self.uid("Nobody", "b")) == [.unknownEntityType])
        #expect(try Self.requestCodes(Self.uid("User", "a"), "none") == [.unknownAction])
        #expect(
            try Self.requestCodes(Self.uid("User", "a"), "all", Self.uid("Photo", "p"), [:]) == [
                .wrongPrincipalType, .wrongResourceType,
            ])
        #expect(try Self.requestCodes(Self.uid("User", "a"), "read", Self.uid("Album", "p")) == [.wrongResourceType])
        #expect(try Self.requestCodes(Self.uid("User", "a"), "paint", Self.uid("Color", "red"), [:]) == [])
        #expect(
            try Self.requestCodes(Self.uid("User", "a"), "paint", Self.uid("Color", "blue"), [:]) == [
                .unknownEnumeratedID
            ])
    }

    @Test func contexts() throws {
        func codes(_ context: Record) throws -> [ValidationIssue.Code] {
            try Self.requestCodes(Self.uid("User", "a"), "read", Self.uid("Photo", "p"), context)
        }
        func with(_ name: CedarString, _ value: Value?) -> Record {
            let fields = Self.context.fields.filter { $0.name != name }.map { ($0.name, $0.value) }
            return Record(fields + (value.map { [(name, $0)] } ?? []))
        }
        #expect(try codes(with("reason", .string("x"))) == [])
        #expect(try codes(with("mfa", nil)) == [.missingAttribute])
        #expect(try codes(with("mfa", .int(1))) == [.wrongValueType])
        #expect(try codes(with("more", .int(1))) == [.unexpectedAttribute])
        #expect(try codes(with("at", .record(["day": .int(1), "x": .int(1)]))) == [.unexpectedAttribute])
        let validator = Validator(schema: try ValidationSample.schema())
        #expect(validator.validate(context: [:], for: Self.uid("Action", "add")).isEmpty)
        #expect(validator.validate(context: [:], for: Self.uid("Action", "none")).map(\.code) == [.unknownAction])
    }
}
