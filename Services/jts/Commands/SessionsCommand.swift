import ArgumentParser
import StrictJSON

struct SessionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions", abstract: "List and end sessions.",
        subcommands: [List.self, Revoke.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Your sessions, or those of a user.")
        @Option(help: "Id of a user; needs sessions:read.") var user: String?
        @OptionGroup var format: OutputOptions

        func run() async throws {
            try await SignedIn.run { service in
                let path = try user.map { "/v1/users/\(try API.segment($0))/sessions" } ?? "/v1/sessions"
                let json = try await service.call("GET", path).expecting(200)
                if format.output == .json { return Console.print(json.encodedString()) }
                let rows = (json["sessions"]?.array ?? []).map { session in
                    [
                        (session["id"]?.string ?? "") + (session["current"]?.bool == true ? " *" : ""),
                        session["created_at"]?.string ?? "", session["last_used_at"]?.string ?? "",
                        session["address"]?.string ?? "", session["device_id"]?.string ?? "",
                    ]
                }
                Console.table(["SESSION", "CREATED", "LAST USED", "ADDRESS", "DEVICE"], rows)
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a session, all your other sessions, or all of a user.")
        @Argument(help: "Id of the session.") var session: String?
        @Flag(help: "All your sessions but this one.") var others = false
        @Option(help: "All sessions of this user; needs sessions:revoke.") var user: String?

        func validate() throws {
            guard (session == nil ? 0 : 1) + (others ? 1 : 0) + (user == nil ? 0 : 1) == 1 else {
                throw ValidationError("give one of: a session, --others, --user")
            }
        }

        func run() async throws {
            try await SignedIn.run { service in
                let path =
                    if let session {
                        "/v1/sessions/\(try API.segment(session))"
                    } else if let user {
                        "/v1/users/\(try API.segment(user))/sessions"
                    } else {
                        "/v1/sessions"
                    }
                _ = try await service.call("DELETE", path).expecting(204)
                Console.print("ended")
            }
        }
    }
}
