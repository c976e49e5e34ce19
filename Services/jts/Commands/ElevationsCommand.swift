import ArgumentParser
import StrictJSON

struct ElevationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "elevations", abstract: "Roles for a while, which somebody else approves.",
        subcommands: [List.self, Request.self, Approve.self, Reject.self, End.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Who asked for what, and what became of it.")
        @Option(help: "Only those in a state: requested, approved, rejected, ended, ...") var state: String?
        @OptionGroup var service: PolicyServiceOptions

        func run() async throws {
            try await service.run { policies in
                let query = try state.map { ["state=\(try API.segment($0))"] } ?? []
                let list = try await policies.pages("/v1/elevations", query, "elevations")
                service.print(["elevations": .array(list)]) { show(list) }
            }
        }
    }

    struct Request: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Ask for a role. The time begins with the approval.")
        @Argument var role: String
        @OptionGroup var scope: ScopeOption
        @Option(help: "For how long, in seconds.") var seconds: Int
        @Option(help: "Why, for the record and for whoever approves.") var reason: String
        @OptionGroup var service: PolicyServiceOptions

        func run() async throws {
            try await service.run { policies in
                var body: JSONObject = [
                    "role": .string(role), "seconds": .int(Int64(seconds)), "reason": .string(reason),
                ]
                body["scope"] = try scope.json
                let json = try await policies.call("POST", "/v1/elevations", .json(.object(body))).expecting(201)
                service.print(json) { show([json]) }
            }
        }
    }

    struct Approve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Grant what somebody else asked for.")
        @OptionGroup var decision: Decision
        func run() async throws { try await decision.run("approve") }
    }

    struct Reject: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Turn down what somebody asked for.")
        @OptionGroup var decision: Decision
        func run() async throws { try await decision.run("reject") }
    }

    struct End: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End it before its time; tokens with the role are void at once.")
        @OptionGroup var decision: Decision
        func run() async throws { try await decision.run("end") }
    }

    struct Decision: ParsableArguments {
        @Argument(help: "Id of the elevation.") var elevation: Int
        @Option(help: "Why, for the record.") var reason: String?
        @OptionGroup var service: PolicyServiceOptions

        func run(_ act: String) async throws {
            try await service.run { policies in
                var body = JSONObject()
                body["reason"] = reason.map { .string($0) }
                let json = try await policies.call(
                    "POST", "/v1/elevations/\(elevation)/\(act)", .json(.object(body))
                ).expecting(200)
                service.print(json) { show([json]) }
            }
        }
    }

    private static func show(_ list: [JSONValue]) {
        Console.table(
            ["ID", "SUBJECT", "ROLE", "SCOPE", "STATE", "SECONDS", "UNTIL", "DECIDED BY", "REASON"],
            list.map { each in
                PolicyReport.row(each, ["id", "subject", "role"]) + [RoleRows.scope(each)]
                    + PolicyReport.row(each, ["state", "seconds", "ends_at", "decided_by", "reason"])
            })
    }
}
