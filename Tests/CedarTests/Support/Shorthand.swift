import StrictJSON
import Testing

@testable import Cedar

/// An entity as it stands in policies.
func entity(_ text: String) throws -> EntityUID { try EntityUID(parsing: text) }

/// A document of a test.
func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: text, limits: Limits().json) }

/// Entities and a request that expressions of tests are evaluated with.
struct TestWorld {
    var entities: Entities
    var request: AuthorizationRequest

    init(_ entities: String = "[]", context: String = "{}") throws {
        self.entities = try Entities(json: try json(entities))
        request = AuthorizationRequest(
            principal: try entity(#"User::"alice""#), action: try entity(#"Action::"view""#),
            resource: try entity(#"Photo::"trip""#), context: try Record(contextJSON: try json(context)))
    }

    func evaluate(_ expression: String) throws -> Value {
        try Evaluator(request: request, entities: entities).evaluate(try Expr(parsing: expression))
    }

    /// The error of an expression that has no value.
    func error(_ expression: String) throws -> EvaluationError? {
        let expr = try Expr(parsing: expression)
        do throws(EvaluationError) {
            _ = try Evaluator(request: request, entities: entities).evaluate(expr)
            return nil
        } catch {
            return error
        }
    }
}
