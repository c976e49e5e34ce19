import Cedar
import StrictJSON

/// What has to be true of any input whatever: reading it ends, and what was read is written so that it is read as the same.
enum FuzzChecks: UInt8, CaseIterable, Sendable {
    case policies, policyJSON, schema, schemaJSON, entities, requests, values

    struct Failure: Error, CustomStringConvertible { let description: String }

    /// - Returns: whether the input was valid.
    /// - Throws: what is wrong with the library.
    func check(_ text: String) throws(Failure) -> Bool {
        switch self {
        case .policies: try Self.policies(text)
        case .policyJSON: try Self.policyJSON(text)
        case .schema: try Self.schema(text)
        case .schemaJSON: try Self.schemaJSON(text)
        case .entities: try Self.entities(text)
        case .requests: try Self.requests(text)
        case .values: try Self.values(text)
        }
    }

    // MARK: Policies

    private static func policies(_ text: String) throws(Failure) -> Bool {
        let set: PolicySet
        do throws(Diagnostics) { set = try PolicySet(parsing: text) } catch {
            try checkPlaces(error, in: text)
            // Formatting refuses what reading refuses.
            if (try? PolicyFormatter().format(text)) != nil {
                throw Failure(description: "formats what it cannot read")
            }
            return false
        }
        let expected = unplaced(set)
        let printed = try reading("the printed policies") { () throws(Diagnostics) in try PolicySet(parsing: set.text) }
        guard unplaced(printed) == expected else { throw Failure(description: "printing changes: \(set.text)") }
        let formatted = try reading("formatting") { () throws(Diagnostics) in try PolicyFormatter().format(text) }
        let again = try reading("the formatted policies") { () throws(Diagnostics) in try PolicySet(parsing: formatted)
        }
        guard unplaced(again) == expected else { throw Failure(description: "formatting changes: \(formatted)") }
        let twice = try reading("formatting twice") { () throws(Diagnostics) in try PolicyFormatter().format(formatted)
        }
        guard twice.utf8.elementsEqual(formatted.utf8) else {
            throw Failure(description: "formatting twice differs:\n\(formatted)\n\(twice)")
        }
        let json = set.json
        let read = try reading("the policies as JSON") { () throws(Diagnostics) in try PolicySet(json: json) }
        guard read.json == json else { throw Failure(description: "JSON changes: \(json.encodedString())") }
        return true
    }

    private static func policyJSON(_ text: String) throws(Failure) -> Bool {
        guard let json = try? JSONValue(parsing: text, limits: Limits().json) else { return false }
        guard let policy = try? Policy(json: json, id: "p") else {
            guard let set = try? PolicySet(json: json) else { return false }
            let written = set.json
            let read = try reading("the set as JSON") { () throws(Diagnostics) in try PolicySet(json: written) }
            guard read.json == written else { throw Failure(description: "JSON changes: \(written.encodedString())") }
            return true
        }
        let written = policy.json
        let read = try reading("the policy as JSON") { () throws(Diagnostics) in try Policy(json: written, id: "p") }
        guard read.json == written else { throw Failure(description: "JSON changes: \(written.encodedString())") }
        let text = policy.text
        let printed = try reading("the printed policy") { () throws(Diagnostics) in try Policy(parsing: text, id: "p") }
        guard printed.text == text else { throw Failure(description: "printing changes: \(text)\n\(printed.text)") }
        guard printed.json == written else {
            throw Failure(description: "printing changes: \(written.encodedString())\n\(printed.json.encodedString())")
        }
        return true
    }

    private static func unplaced(_ set: PolicySet) -> [Policy] {
        (set.policies + set.templates).map { policy in
            var policy = policy
            policy.range = nil
            return policy
        }
    }

    // MARK: Schemas

    private static func schema(_ text: String) throws(Failure) -> Bool {
        let fragment: SchemaFragment
        do throws(Diagnostics) { fragment = try SchemaFragment(parsing: text) } catch {
            try checkPlaces(error, in: text)
            return false
        }
        let schema = try? Schema([fragment])
        let json = fragment.json
        let read = try reading("the schema as JSON") { () throws(Diagnostics) in try SchemaFragment(json: json) }
        guard read.json == json else { throw Failure(description: "JSON changes: \(json.encodedString())") }
        guard (try? Schema([read])) == schema else {
            throw Failure(description: "JSON means something else: \(json.encodedString())")
        }
        try checkText(of: fragment, means: schema)
        return true
    }

    private static func schemaJSON(_ text: String) throws(Failure) -> Bool {
        guard let json = try? JSONValue(parsing: text, limits: Limits().json),
            let fragment = try? SchemaFragment(json: json)
        else { return false }
        let written = fragment.json
        let read = try reading("the schema as JSON") { () throws(Diagnostics) in try SchemaFragment(json: written) }
        guard read == fragment else { throw Failure(description: "JSON changes: \(written.encodedString())") }
        try checkText(of: fragment, means: try? Schema([fragment]))
        return true
    }

    private static func checkText(of fragment: SchemaFragment, means schema: Schema?) throws(Failure) {
        // Not all that JSON can say can be said in the other format.
        guard let text = try? fragment.text else { return }
        let read = try reading("the printed schema") { () throws(Diagnostics) in try SchemaFragment(parsing: text) }
        guard (try? read.text) == text else { throw Failure(description: "printing changes: \(text)") }
        if let schema, (try? Schema([read])) != schema {
            throw Failure(description: "the printed schema means something else: \(text)")
        }
    }

    // MARK: Data

    private static func entities(_ text: String) throws(Failure) -> Bool {
        guard let json = try? JSONValue(parsing: text, limits: Limits().json),
            let entities = try? Entities(json: json)
        else { return false }
        // A record may have attributes that JSON has other uses for.
        guard let written = try? entities.json else { return true }
        let read = try reading("the entities as JSON") { () throws(Diagnostics) in try Entities(json: written) }
        guard read.all == entities.all else { throw Failure(description: "JSON changes: \(written.encodedString())") }
        return true
    }

    private static func requests(_ text: String) throws(Failure) -> Bool {
        guard let json = try? JSONValue(parsing: text, limits: Limits().json),
            let request = try? AuthorizationRequest(json: json)
        else { return false }
        guard let written = try? request.json else { return true }
        let read = try reading("the request") { () throws(Diagnostics) in try AuthorizationRequest(json: written) }
        guard read == request else { throw Failure(description: "JSON changes: \(written.encodedString())") }
        return true
    }

    /// Expressions without variables, whose value is written and read.
    private static func values(_ text: String) throws(Failure) -> Bool {
        let request = AuthorizationRequest(
            principal: EntityUID(type: "User", id: "a"), action: EntityUID(type: "Action", id: "a"),
            resource: EntityUID(type: "User", id: "a"))
        let expr: Expr
        do throws(Diagnostics) { expr = try Expr(parsing: text) } catch {
            try checkPlaces(error, in: text)
            return false
        }
        let printed = try reading("the expression") { () throws(Diagnostics) in try Expr(parsing: expr.text) }
        guard printed == expr else { throw Failure(description: "printing changes: \(expr.text)") }
        let evaluator = Evaluator(request: request, entities: .none)
        guard let value = try? evaluator.evaluate(expr) else { return true }
        let text = value.text
        let written = try reading("the value") { () throws(Diagnostics) in try Expr(parsing: text) }
        guard (try? evaluator.evaluate(written)) == value else {
            throw Failure(description: "the value changes: \(text)")
        }
        return true
    }

    // MARK: Parts

    private static func reading<T>(_ what: String, _ body: () throws(Diagnostics) -> T) throws(Failure) -> T {
        do throws(Diagnostics) { return try body() } catch {
            throw Failure(description: "\(what) cannot be read: \(error.all.map(\.description))")
        }
    }

    /// Mistakes are at places that there are.
    private static func checkPlaces(_ diagnostics: Diagnostics, in text: String) throws(Failure) {
        for case let range? in diagnostics.all.map(\.range) {
            guard range.lower >= 0, range.lower <= range.upper, range.upper <= text.utf8.count else {
                throw Failure(description: "a mistake at \(range) of \(text.utf8.count) bytes")
            }
        }
        guard !diagnostics.all.isEmpty else { throw Failure(description: "refused without a reason") }
    }
}
