import APISecurity
import Contracts
import HTTPTypes
import Hummingbird
import StrictJSON

/// `POST /v1/step-up`: a token of the same session with fresh `auth_time` and `amr`.
struct StepUpAPI: Sendable {
    let people: People

    func register(on router: SecureRouter) {
        router.post("/v1/step-up", .authenticated, use: stepUp)
    }

    @Sendable func stepUp(_ request: Request, _ context: APIContext) async throws -> Response {
        var fields = try await request.fields(context)
        let code = fields.string("code", length: 6...8)
        let password = fields.optionalString("password", length: 1...Password.maximumBytes)
        let scope = fields.optionalString("scope", length: 1...4_096)
        try fields.finish()
        let identity = try context.requireIdentity()
        guard identity.sessionID != nil else {
            throw Problem(status: .forbidden, type: "no-session", title: "Only a session can be stepped up")
        }
        return try await PeopleProblems.translating {
            let act = people.act(context)
            let client = try await people.proof.client(request, context, clientID: nil, deviceID: identity.deviceID)
            if let password {
                try await people.checkPassword(password, of: identity.subject, address: context.remoteAddress, act)
            }
            try await people.factor.check(
                .code(code), user: identity.subject, address: context.remoteAddress, failure: .stepUpFailed, act)
            let amr = (password == nil ? identity.amr.filter { $0 == "pwd" } : ["pwd"]) + ["otp", "mfa"]
            let tokens = try await people.sessions.stepUp(
                identity, amr: amr, authTime: act.at / 1000, scope: scope.map(RequestedScope.values), client,
                requestID: context.requestID)
            let event = SecurityEvent(
                .stepUpSucceeded, subject: identity.subject, sessionID: identity.sessionID, at: act.at,
                requestID: context.requestID, fields: ["amr": .array(amr.map(JSONValue.string))],
                personal: ["address": .string(context.remoteAddress)])
            let target = people.attempts.target(.code, account: identity.subject, address: context.remoteAddress)
            try await people.attempts.record(event.outboxEvent(), for: target)
            people.nudge()
            return .oauth(tokens.encoded())
        }
    }
}
