import ArgumentParser
import StrictJSON

extension PolicyCommand {
    struct Shadow: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Try a version on live decisions, beside the active one.",
            subcommands: [Start.self, Report.self, Stop.self])
        private static let path = "/v1/policies/shadow"

        struct Start: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Evaluate a version beside the active one.")
            @Argument(help: "Version.") var version: Int
            @Option(help: "Why, for the record.") var reason: String
            @OptionGroup var service: PolicyServiceOptions

            func run() async throws {
                try await service.run { policies in
                    let body: JSONValue = ["version": .int(Int64(version)), "reason": .string(reason)]
                    let json = try await policies.call("PUT", path, .json(body)).expecting(200)
                    service.print(json) { Console.print("version \(version) is evaluated beside the active one") }
                }
            }
        }

        struct Report: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "What it would have decided otherwise.")
            @OptionGroup var service: PolicyServiceOptions

            func run() async throws {
                try await service.run { policies in
                    let json = try await policies.call("GET", path + "/report").expecting(200)
                    service.print(json) {
                        Console.print(
                            "version \(json["shadow_version"]?.int ?? 0) against \(json["active_version"]?.int ?? 0): "
                                + "\(json["same"]?.int ?? 0) the same, \(json["different"]?.int ?? 0) different, "
                                + "\(json["skipped"]?.int ?? 0) not compared")
                        Console.table(
                            ["COUNT", "ACTION", "ACTIVE", "SHADOW", "BY", "SAMPLE"],
                            (json["differences"]?.array ?? []).map { difference in
                                PolicyReport.row(difference, ["count", "action", "active", "shadow"]) + [
                                    (difference["shadow_policies"]?.strings ?? []).joined(separator: ","),
                                    difference["sample"]?["principal"]?.string ?? "",
                                ]
                            })
                    }
                }
            }
        }

        struct Stop: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Evaluate no version beside the active one.")
            @OptionGroup var service: PolicyServiceOptions

            func run() async throws {
                try await service.run { policies in _ = try await policies.call("DELETE", path).expecting(204) }
            }
        }
    }
}
