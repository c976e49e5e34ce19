import Testing

@testable import Cedar

/// A schema that has something of everything, for tests of single rules.
enum ValidationSample {
    static let schemaText = """
        type Address = { city: String, zip?: String };
        entity Org;
        entity Group in [Org] = { name: String };
        entity User in [Group] = {
            name: String, age: Long, nick?: String, boss?: User, home: Address, roles: Set<String>,
            joined: datetime, from: ipaddr, limit: decimal, "two words"?: Long
        } tags String;
        entity Bot = { name: String, age: String, boss?: User } tags Long;
        entity Color enum ["red", "green"];
        entity Album = { owner: User };
        entity Photo in [Album] = {
            owner: User, public: Bool, size?: Long, labels: Set<String>, shown: Set<User>, maker: Bot, color: Color
        } tags Set<String>;
        action all;
        action see in [all];
        action read, write in [see] appliesTo {
            principal: [User, Bot], resource: [Photo],
            context: { ip: ipaddr, mfa: Bool, reason?: String, at: { day: Long, note?: String } }
        };
        action add appliesTo { principal: User, resource: Album, context: {} };
        action paint appliesTo { principal: User, resource: [Color, Photo], context: { extra?: Set<Long> } };
        namespace Other {
            entity Thing;
            action "look" appliesTo { principal: Thing, resource: Thing, context: {} };
        }
        """

    static func schema() throws -> Schema { try Schema(parsing: schemaText) }

    /// What is found in policies.
    static func codes(_ policies: String, _ mode: ValidationMode = .strict) throws -> [ValidationIssue.Code] {
        try Validator(schema: schema(), mode: mode).validate(PolicySet(parsing: policies)).errors.map(\.code)
    }

    static func warnings(_ policies: String) throws -> [ValidationIssue.Code] {
        try Validator(schema: schema()).validate(PolicySet(parsing: policies)).warnings.map(\.code)
    }
}

/// A condition of a policy with what is wrong with it.
struct ConditionCase: Sendable, CustomTestStringConvertible {
    let condition: String
    let scope: String
    let strict: Set<ValidationIssue.Code>
    let permissive: Set<ValidationIssue.Code>
    var testDescription: String { condition }

    /// Wrong in both modes, or right.
    init(_ condition: String, _ codes: Set<ValidationIssue.Code> = [], scope: String = readByUser) {
        self.init(condition, strict: codes, permissive: codes, scope: scope)
    }

    init(
        _ condition: String, strict: Set<ValidationIssue.Code>, permissive: Set<ValidationIssue.Code> = [],
        scope: String = readByUser
    ) {
        self.condition = condition
        self.scope = scope
        self.strict = strict
        self.permissive = permissive
    }

    static let readByUser = #"principal is User, action == Action::"read", resource"#

    func check() throws {
        let text = "permit(\(scope)) when { \(condition) };"
        #expect(Set(try ValidationSample.codes(text)) == strict, "strict")
        #expect(Set(try ValidationSample.codes(text, .permissive)) == permissive, "permissive")
    }
}
