import APISecurity
import HTTPTypes
import Hummingbird
import StrictJSON

/// `POST /v1/login` and `POST /v1/login/mfa`.
struct LoginAPI: Sendable {
    let signIn: SignIn
    let proof: KeyProof
    let services: ServiceAccountStore

    func register(on router: SecureRouter) {
        router.post("/v1/login", .public, options: .credentials, use: login)
        router.post("/v1/login/mfa", .public, options: .credentials, use: secondFactor)
    }

    @Sendable func login(_ request: Request, _ context: APIContext) async throws -> Response {
        var fields = try await request.fields(context)
        let username = fields.string("username", length: 1...256)
        let password = fields.string("password", length: 1...Password.maximumBytes)
        let device = fields.optionalString("device_id", length: 1...128, pattern: .printable)
        let clientID = fields.optionalString("client_id", length: 1...64, pattern: .identifier)
        try fields.finish()
        return try await PeopleProblems.translating {
            if let clientID, try await services.exists(clientID: clientID) {
                throw Problem.unprocessable(
                    "client-id-reserved", title: "The client id is that of a service",
                    detail: "People sign in with clients that have no credentials.")
            }
            let client = try await proof.client(request, context, clientID: clientID, deviceID: device)
            switch try await signIn.password(
                username: username, password: password, client, requestID: context.requestID)
            {
            case .signedIn(let tokens): return .oauth(tokens.encoded())
            case .factorNeeded(let token):
                return .uncached(
                    [
                        "mfa_token": .string(token), "expires_in": .int(MFATokenStore.life / 1000),
                        "methods": ["totp", "recovery_code"],
                    ], status: .accepted)
            }
        }
    }

    @Sendable func secondFactor(_ request: Request, _ context: APIContext) async throws -> Response {
        var fields = try await request.fields(context)
        let token = fields.string("mfa_token", length: 1...128)
        let given = fields.factorProof()
        try fields.finish()
        let factor = try given.required()
        return try await PeopleProblems.translating {
            let client = try await proof.client(request, context, clientID: nil, deviceID: nil)
            return .oauth(
                try await signIn.secondFactor(token: token, proof: factor, client, requestID: context.requestID)
                    .encoded())
        }
    }
}

/// A code or a recovery code as a body has it.
struct FactorProofFields: Sendable {
    var code: String?
    var recoveryCode: String?

    /// - Throws: `Problem` 400 unless exactly one is given.
    func required() throws -> SecondFactor.Proof {
        guard let proof = try optional() else {
            throw Problem(
                status: .badRequest, type: "invalid-body", title: "Invalid request body",
                detail: "code or recovery_code is required")
        }
        return proof
    }

    func optional() throws -> SecondFactor.Proof? {
        switch (code, recoveryCode) {
        case (let code?, nil): return .code(code)
        case (nil, let code?): return .recoveryCode(code)
        case (nil, nil): return nil
        default:
            throw Problem(
                status: .badRequest, type: "invalid-body", title: "Invalid request body",
                detail: "code and recovery_code exclude each other")
        }
    }
}

extension BodyFields {
    mutating func factorProof() -> FactorProofFields {
        FactorProofFields(
            code: optionalString("code", length: 6...8),
            recoveryCode: optionalString("recovery_code", length: 16...64))
    }
}

extension Response {
    /// An answer that carries a secret or depends on who asks: kept by no cache.
    static func uncached(_ value: JSONValue, status: HTTPResponse.Status = .ok) -> Response {
        var response = Response.json(value, status: status)
        response.headers[.cacheControl] = "no-store"
        return response
    }
}

extension Response {
    /// An answer as it was given first, or is given again.
    static func kept(_ answer: IdempotencyStore.Answer) -> Response {
        var response = Response.uncached(answer.body, status: HTTPResponse.Status(code: answer.status))
        response.headers[.location] = answer.location
        return response
    }
}

extension JSONValue {
    static func optional(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
}
