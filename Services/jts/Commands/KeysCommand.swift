import ArgumentParser
import StrictJSON

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "The keys that sign tokens.",
        subcommands: [List.self, Rotate.self, Revoke.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Keys and where they stand.")
        @OptionGroup var format: OutputOptions

        func run() async throws {
            try await SignedIn.run { service in
                let json = try await service.call("GET", "/v1/keys").expecting(200)
                if format.output == .json { return Console.print(json.encodedString()) }
                let rows = (json["keys"]?.array ?? []).map { key in
                    ["kid", "alg", "state", "announced_at", "activates_at"].map { key[$0]?.string ?? "" }
                }
                Console.table(["KEY", "ALGORITHM", "STATE", "ANNOUNCED", "SIGNS FROM"], rows)
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Announce the next key.")
        @OptionGroup var format: OutputOptions

        func run() async throws {
            try await SignedIn.run { service in
                let json = try await service.call("POST", "/v1/keys/rotate").expecting(202)
                if format.output == .json { return Console.print(json.encodedString()) }
                Console.table(
                    ["KEY", "SIGNS FROM"], [[json["kid"]?.string ?? "", json["activates_at"]?.string ?? ""]])
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Withdraw a key in an emergency: every token that it signed is void at once.")
        @Argument(help: "Id of the key.") var key: String

        func run() async throws {
            try await SignedIn.run { service in
                _ = try await service.call("POST", "/v1/keys/\(try API.segment(key))/revoke").expecting(204)
                Console.print("withdrawn")
            }
        }
    }
}
