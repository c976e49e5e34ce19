import ArgumentParser
import StrictJSON

struct RolesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roles", abstract: "What roles mean, and who was given which.",
        subcommands: [List.self, Assignments.self, Assign.self, End.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The catalogue.")
        @OptionGroup var service: PolicyServiceOptions

        func run() async throws {
            try await service.run { policies in
                let json = try await policies.call("GET", "/v1/roles").expecting(200)
                service.print(json) {
                    Console.table(
                        ["ROLE", "PRIVILEGED", "STANDING", "SCOPES", "PERMISSIONS"],
                        (json["roles"]?.array ?? []).map { role in
                            [
                                role["name"]?.string ?? "", role["privileged"]?.bool == true ? "yes" : "no",
                                role["standing"]?.bool == false ? "by elevation" : "yes",
                                (role["scopes"]?.strings ?? []).joined(separator: ","),
                                (role["permissions"]?.strings ?? []).joined(separator: " "),
                            ]
                        })
                }
            }
        }
    }

    struct Assignments: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Roles given beside those of the accounts.")
        @Option(help: "Only those of a person, by subject id.") var subject: String?
        @Option(help: "Only those of a role.") var role: String?
        @OptionGroup var service: PolicyServiceOptions

        func run() async throws {
            try await service.run { policies in
                var query: [String] = []
                if let subject { query.append("subject=\(try API.segment(subject))") }
                if let role { query.append("role=\(try API.segment(role))") }
                let list = try await policies.pages("/v1/assignments", query, "assignments")
                service.print(["assignments": .array(list)]) { RoleRows.print(list) }
            }
        }
    }

    struct Assign: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give somebody a role: for a part of the platform, for a while, or both.")
        @Argument(help: "The person, by subject id.") var subject: String
        @Argument var role: String
        @OptionGroup var scope: ScopeOption
        @Option(help: "When it ends, as 2026-12-31T18:00:00Z; without it stays.") var until: String?
        @Option(help: "Why, for the record.") var reason: String
        @OptionGroup var service: PolicyServiceOptions

        func run() async throws {
            try await service.run { policies in
                var body: JSONObject = [
                    "subject": .string(subject), "role": .string(role), "reason": .string(reason),
                ]
                body["scope"] = try scope.json
                body["ends_at"] = until.map { .string($0) }
                let json = try await policies.call("POST", "/v1/assignments", .json(.object(body))).expecting(201)
                service.print(json) { RoleRows.print([json]) }
            }
        }
    }

    struct End: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take away what was given; tokens with it are void at once.")
        @Argument(help: "Id of the assignment.") var assignment: Int
        @Option(help: "Why, for the record.") var reason: String?
        @OptionGroup var service: PolicyServiceOptions

        func run() async throws {
            try await service.run { policies in
                let body = reason.map { API.Body.json(["reason": .string($0)]) } ?? .none
                let answer = try await policies.call("DELETE", "/v1/assignments/\(assignment)", body)
                guard (200...204).contains(answer.status) else { return _ = try answer.expecting(204) }
                Console.print("assignment \(assignment) ended")
            }
        }
    }
}

/// For which part of the platform a role is held.
struct ScopeOption: ParsableArguments {
    @Option(help: "The part of the platform, as Desk:fx; everywhere where it is not given.") var scope: String?

    var json: JSONValue? {
        get throws {
            guard let scope else { return nil }
            let parts = scope.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw CommandFault.usage("--scope: a type and an id are expected, such as Desk:fx")
            }
            return ["type": .string(String(parts[0])), "id": .string(String(parts[1]))]
        }
    }
}

enum RoleRows {
    static func print(_ list: [JSONValue]) {
        Console.table(
            ["ID", "SUBJECT", "ROLE", "SCOPE", "STATE", "FROM", "UNTIL", "REASON"],
            list.map { each in
                PolicyReport.row(each, ["id", "subject", "role"]) + [scope(each)]
                    + PolicyReport.row(each, ["state", "starts_at", "ends_at", "reason"])
            })
    }

    static func scope(_ json: JSONValue) -> String {
        guard let scope = json["scope"], scope.object != nil else { return "" }
        return "\(scope["type"]?.string ?? ""):\(scope["id"]?.string ?? "")"
    }
}
