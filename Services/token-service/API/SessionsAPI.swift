import APISecurity
import Contracts
import HTTPTypes
import Hummingbird
import StrictJSON

/// `/v1/sessions`: listed and ended by their owner, and by whoever may revoke.
struct SessionsAPI: Sendable {
    let sessions: Sessions

    func register(on router: SecureRouter) {
        router.get("/v1/sessions", .authenticated, use: own)
        router.delete("/v1/sessions", .authenticated, use: endOthers)
        router.delete("/v1/sessions/{id}", .authenticated, use: end)
        router.get("/v1/users/{user}/sessions", .permission(Permission.readSessions.rawValue), use: ofUser)
        router.delete("/v1/users/{user}/sessions", .permission(Permission.revokeSessions.rawValue), use: endAll)
    }

    @Sendable func own(_ request: Request, _ context: APIContext) async throws -> Response {
        let identity = try context.requireIdentity()
        return try await list(identity.subject, current: identity.sessionID)
    }

    @Sendable func ofUser(_ request: Request, _ context: APIContext) async throws -> Response {
        try await list(try context.parameters.require("user"), current: nil)
    }

    private func list(_ subject: String, current: String?) async throws -> Response {
        let listed = try await sessions.store.list(of: subject)
        return .json([
            "sessions": .array(
                listed.map { session in
                    [
                        "id": .string(session.id.description),
                        "current": .bool(session.id.description == current),
                        "created_at": .string(RFC3339.string(milliseconds: session.createdAt)),
                        "last_used_at": .string(RFC3339.string(milliseconds: session.lastUsedAt)),
                        "ends_at": .string(RFC3339.string(milliseconds: session.endsAt)),
                        "client_id": .string(session.clientID),
                        "device_id": session.deviceID.map(JSONValue.string) ?? .null,
                        "address": .string(session.address),
                        "user_agent": session.userAgent.map(JSONValue.string) ?? .null,
                        "bound": .bool(session.binding != nil),
                    ]
                })
        ])
    }

    @Sendable func end(_ request: Request, _ context: APIContext) async throws -> Response {
        let identity = try context.requireIdentity()
        let notFound = Problem(status: .notFound, type: "session-not-found", title: "No such session")
        guard let id = SessionID(try context.parameters.require("id")) else { throw notFound }
        let owner: String
        if id.description == identity.sessionID {
            owner = identity.subject
        } else if identity.permissions.contains(Permission.revokeSessions.rawValue) {
            // Whatever Redis knows: what it lost may have living tokens.
            owner = (try? await sessions.store.owner(of: id)) ?? Revocations.unknownSubject
        } else {
            guard let found = try await sessions.store.owner(of: id), found == identity.subject else { throw notFound }
            owner = found
        }
        try await sessions.revocations.revokeSession(
            id.description, subject: owner, reason: owner == identity.subject ? "logout" : "admin",
            by: identity.subject, at: sessions.clock())
        return Response(status: .noContent)
    }

    /// Ends every session of the caller but the present one.
    @Sendable func endOthers(_ request: Request, _ context: APIContext) async throws -> Response {
        let identity = try context.requireIdentity()
        for session in try await sessions.store.list(of: identity.subject)
        where session.id.description != identity.sessionID {
            try await sessions.revocations.revokeSession(
                session.id.description, subject: identity.subject, reason: "logout", by: identity.subject,
                at: sessions.clock())
        }
        return Response(status: .noContent)
    }

    /// Ends all sessions of a user and voids her tokens, whatever Redis knows of them.
    @Sendable func endAll(_ request: Request, _ context: APIContext) async throws -> Response {
        let identity = try context.requireIdentity()
        let user = try context.parameters.require("user")
        let now = sessions.clock()
        let revocations = sessions.revocations
        let pending = try await revocations.database.change { connection in
            guard try !connection.query("SELECT id FROM users WHERE id = ?", [.text(user)]).isEmpty else {
                throw Problem.notFound()
            }
            let event = SecurityEvent(
                .sessionRevoked, subject: user, actor: identity.subject, reason: "admin", at: now,
                requestID: context.requestID, fields: ["all": true])
            try revocations.outbox.append(event.outboxEvent(), connection)
            return try revocations.revokeSubject(
                user, kind: .sessionsEnded, reason: "admin", by: identity.subject, at: now, connection)
        }
        await revocations.announce(pending)
        return Response(status: .noContent)
    }
}
