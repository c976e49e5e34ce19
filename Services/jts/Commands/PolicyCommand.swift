import ArgumentParser
import StrictJSON

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Sets of policies: check, store, compare, activate, go back.",
        subcommands: [
            Test.self, Push.self, List.self, Diff.self, Activate.self, Approve.self, Reject.self, Rollback.self,
            Shadow.self,
        ])

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a folder: does it read, validate strictly and pass its tests? Nothing is stored.")
        @Argument(help: "Folder with schema.cedarschema, *.cedar and tests/*.json.") var folder: String = "policies"
        @OptionGroup var service: PolicyServiceOptions

        func run() async throws {
            let files = try PolicyFolder.read(folder)
            try await service.run { policies in
                let json = try await policies.call("POST", "/v1/policies/check", .json(["files": files])).expecting(200)
                service.print(json) { PolicyReport.print(json) }
                guard json["valid"]?.bool == true else { throw CommandFault.refused("the policies are not valid") }
            }
        }
    }

    struct Push: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Store a folder as a new version. It is not decided by before it is activated.")
        @Argument(help: "Folder with schema.cedarschema, *.cedar and tests/*.json.") var folder: String = "policies"
        @Option(help: "Why, for the record.") var reason: String
        @OptionGroup var service: PolicyServiceOptions

        func run() async throws {
            let files = try PolicyFolder.read(folder)
            try await service.run { policies in
                let answer = try await policies.call(
                    "POST", "/v1/policies/versions", .json(["files": files, "reason": .string(reason)]))
                if answer.status == 422 { PolicyReport.print(answer.json) }
                let json = try answer.expecting(201)
                service.print(json) {
                    PolicyReport.print(json)
                    Console.print("stored as version \(json["version"]?.int ?? 0)")
                }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Versions and activations, the newest first.")
        @OptionGroup var service: PolicyServiceOptions

        func run() async throws {
            try await service.run { policies in
                let versions = try await policies.call("GET", "/v1/policies/versions").expecting(200)
                let activations = try await policies.call("GET", "/v1/policies/activations").expecting(200)
                service.print(["versions": versions, "activations": activations]) {
                    Console.table(
                        ["VERSION", "CREATED", "AUTHOR", "REASON"],
                        (versions["versions"]?.array ?? []).map {
                            PolicyReport.row($0, ["version", "created_at", "author", "reason"])
                        })
                    Console.print("")
                    Console.table(
                        ["ID", "VERSION", "STATE", "SEQUENCE", "PROPOSED BY", "DECIDED BY", "REASON"],
                        (activations["activations"]?.array ?? []).map {
                            PolicyReport.row(
                                $0, ["id", "version", "state", "sequence", "proposed_by", "decided_by", "reason"])
                        })
                }
            }
        }
    }

    struct Diff: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What differs between a version and another one, or the active one.")
        @Argument(help: "Version.") var version: Int
        @Option(help: "The version that it is compared with; the active one where it is not given.") var against: Int?
        @OptionGroup var service: PolicyServiceOptions

        func run() async throws {
            try await service.run { policies in
                let query = against.map { "?against=\($0)" } ?? ""
                let json = try await policies.call("GET", "/v1/policies/versions/\(version)/diff\(query)").expecting(
                    200)
                service.print(json) {
                    for file in json["files"]?.array ?? [] {
                        Console.print(
                            "\(file["change"]?.string ?? "") \(Console.printable(file["path"]?.string ?? ""))")
                        for line in file["lines"]?.strings ?? [] { Console.print(Console.printable(line)) }
                    }
                }
            }
        }
    }

    struct Activate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Propose a version to be decided by; another person approves it.")
        @Argument(help: "Version.") var version: Int
        @Option(help: "Why, for the record.") var reason: String
        @OptionGroup var service: PolicyServiceOptions

        func run() async throws {
            try await service.run { policies in
                let json = try await policies.call(
                    "POST", "/v1/policies/activations",
                    .json(["version": .int(Int64(version)), "reason": .string(reason)])
                ).expecting(201)
                service.print(json) { PolicyReport.activation(json) }
            }
        }
    }

    struct Approve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Bring into force what somebody else proposed.")
        @Argument(help: "Id of the activation.") var activation: Int
        @OptionGroup var service: PolicyServiceOptions

        func run() async throws {
            try await service.run { policies in
                let json = try await policies.call("POST", "/v1/policies/activations/\(activation)/approve")
                    .expecting(200)
                service.print(json) { PolicyReport.activation(json) }
            }
        }
    }

    struct Reject: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Turn down a proposal, or take back your own.")
        @Argument(help: "Id of the activation.") var activation: Int
        @OptionGroup var service: PolicyServiceOptions

        func run() async throws {
            try await service.run { policies in
                let json = try await policies.call("POST", "/v1/policies/activations/\(activation)/reject")
                    .expecting(200)
                service.print(json) { PolicyReport.activation(json) }
            }
        }
    }

    struct Rollback: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Go back at once to what was decided by before the present activation.")
        @Option(help: "Why, for the record.") var reason: String
        @OptionGroup var service: PolicyServiceOptions

        func run() async throws {
            try await service.run { policies in
                let json = try await policies.call(
                    "POST", "/v1/policies/rollback", .json(["reason": .string(reason)])
                ).expecting(201)
                service.print(json) { PolicyReport.activation(json) }
            }
        }
    }
}
