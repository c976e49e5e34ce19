import ArgumentParser
import StrictJSON

struct UsersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users", abstract: "Administer users.",
        subcommands: [List.self, Create.self, Disable.self, Enable.self, Roles.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All users.")
        @OptionGroup var format: OutputOptions

        func run() async throws {
            try await SignedIn.run { service in
                var users: [JSONValue] = []
                var cursor: String?
                repeat {
                    let next = try cursor.map { "&cursor=\(try API.segment($0))" } ?? ""
                    let page = try await service.call("GET", "/v1/users?limit=200" + next).expecting(200)
                    users += page["users"]?.array ?? []
                    cursor = page["next_cursor"]?.string
                } while cursor != nil
                show(users, format, single: false)
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a user; prints a password for the first sign-in, once.")
        @Argument var username: String
        @Option(parsing: .upToNextOption, help: "Roles of the user.") var roles: [String]
        @Option var email: String?
        @OptionGroup var format: OutputOptions

        func run() async throws {
            try await SignedIn.run { service in
                var body: JSONObject = [
                    "username": .string(username), "roles": .array(roles.map(JSONValue.string)),
                ]
                body["email"] = email.map(JSONValue.string)
                let user = try await service.call("POST", "/v1/users", .json(.object(body))).expecting(201)
                show([user], format, single: true)
                if format.output == .text, let password = user["temporary_password"]?.string {
                    Console.print("temporary password: \(password)")
                }
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Disable a user; all sessions end.")
        @Argument(help: "Id of the user.") var user: String
        @OptionGroup var format: OutputOptions
        func run() async throws { try await change(user, "POST", "disable", .none, format) }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Enable a disabled user.")
        @Argument(help: "Id of the user.") var user: String
        @OptionGroup var format: OutputOptions
        func run() async throws { try await change(user, "POST", "enable", .none, format) }
    }

    struct Roles: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Set the roles of a user.")
        @Argument(help: "Id of the user.") var user: String
        @Argument(help: "All roles that the user shall have.") var roles: [String]
        @OptionGroup var format: OutputOptions

        func run() async throws {
            try await change(
                user, "PUT", "roles", .json(["roles": .array(roles.map(JSONValue.string))]), format)
        }
    }

    static func change(
        _ user: String, _ method: String, _ act: String, _ body: API.Body, _ format: OutputOptions
    ) async throws {
        try await SignedIn.run { service in
            let path = "/v1/users/\(try API.segment(user))/\(act)"
            show([try await service.call(method, path, body).expecting(200)], format, single: true)
        }
    }

    static func show(_ users: [JSONValue], _ format: OutputOptions, single: Bool) {
        if format.output == .json {
            Console.print((single ? users.first ?? .null : ["users": .array(users)]).encodedString())
            return
        }
        let rows = users.map { user in
            [
                user["id"]?.string ?? "", user["username"]?.string ?? "", user["status"]?.string ?? "",
                (user["roles"]?.strings ?? []).joined(separator: ","),
                user["second_factor"]?.bool == true ? "yes" : "no",
            ]
        }
        Console.table(["USER", "NAME", "STATUS", "ROLES", "SECOND FACTOR"], rows)
    }
}
