/// What is said before a connection takes commands.
struct Handshake: Sendable {
    private enum Step: Sendable {
        case authenticate, name, select, info, ping
    }

    private let steps: [(step: Step, command: [RedisArgument])]

    /// - Parameter database: nil for a server that has none, such as a sentinel.
    init(username: String?, password: String?, clientName: String, database: Int?) {
        var steps: [(Step, [RedisArgument])] = []
        if let password {
            let user = username.map { [RedisArgument.string($0)] } ?? []
            steps.append((.authenticate, ["AUTH"] + user + [.string(password)]))
        }
        steps.append((.name, ["CLIENT", "SETNAME", .string(clientName)]))
        if let database, database != 0 { steps.append((.select, ["SELECT", .int(database)])) }
        steps.append((.info, ["INFO", "server"]))
        // While it loads its data, Redis answers everything above and refuses this.
        steps.append((.ping, ["PING"]))
        self.steps = steps
    }

    var commands: [[RedisArgument]] { steps.map(\.command) }

    /// - Throws: `.unavailable` with the first answer that does not let us in.
    func judge(_ replies: [RESPValue]) throws(RedisError) -> ServerSection {
        guard replies.count == steps.count else { throw .unexpectedReply("handshake") }
        var section = ServerSection("")
        for (step, reply) in zip(steps, replies) {
            switch (step.step, reply) {
            case (.name, .error(let text)) where text.hasPrefix("NOPERM"),
                (.info, .error(let text)) where text.hasPrefix("NOPERM"),
                (.ping, .error(let text)) where text.hasPrefix("NOPERM"):
                // A narrow ACL can do without these.
                continue
            case (_, .error(let text)): throw .unavailable(text)
            case (.info, _): section = ServerSection(reply.string ?? "")
            default: continue
            }
        }
        return section
    }
}
