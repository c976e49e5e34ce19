import ArgumentParser
import Foundation
import StrictJSON

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Sets of policies: check, store, compare, activate, go back.",
        subcommands: [
            Test.self, Push.self, List.self, Diff.self, Activate.self, Approve.self, Reject.self, Rollback.self,
        ])

    /// Which policy-service, and how answers are printed.
    struct ServiceOptions: ParsableArguments {
        @Option(help: "policy-service; JTS_POLICY_URL where it is not given.")
        var url: String?
        @OptionGroup var format: OutputOptions

        var base: String {
            url ?? ProcessInfo.processInfo.environment["JTS_POLICY_URL"] ?? "http://127.0.0.1:7002"
        }

        /// Calls policy-service as the person who is signed in.
        func run(_ body: (PolicyService) async throws -> Void) async throws {
            let base = try API.checked(base)
            try await SignedIn.run { person in
                try await body(PolicyService(person: person, api: API(base: base, client: person.api.client)))
            }
        }

        func print(_ json: JSONValue, _ text: () -> Void) {
            if format.output == .json { Console.print(json.encodedString()) } else { text() }
        }
    }

    struct PolicyService {
        let person: SignedIn
        let api: API

        func call(_ method: String, _ path: String, _ body: API.Body = .none) async throws -> API.Answer {
            try await person.call(method, path, body, at: api)
        }
    }

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a folder: does it read, validate strictly and pass its tests? Nothing is stored.")
        @Argument(help: "Folder with schema.cedarschema, *.cedar and tests/*.json.") var folder: String = "policies"
        @OptionGroup var service: ServiceOptions

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
        @OptionGroup var service: ServiceOptions

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
        @OptionGroup var service: ServiceOptions

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
        @OptionGroup var service: ServiceOptions

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
        @OptionGroup var service: ServiceOptions

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
        @OptionGroup var service: ServiceOptions

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
        @OptionGroup var service: ServiceOptions

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
        @OptionGroup var service: ServiceOptions

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

/// A folder of policies as the API takes it.
enum PolicyFolder {
    static func read(_ folder: String) throws -> JSONValue {
        let root = URL(fileURLWithPath: folder, isDirectory: true).standardizedFileURL
        guard let paths = FileManager.default.enumerator(atPath: root.path) else {
            throw CommandFault.usage("\(Console.printable(folder)) cannot be read")
        }
        var files: [(String, JSONValue)] = []
        for case let path as String in paths
        where path.hasSuffix(".cedar") || path.hasSuffix(".cedarschema") || path.hasSuffix(".json") {
            guard let text = try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8) else {
                throw CommandFault.usage("\(Console.printable(path)) is no text in UTF-8")
            }
            files.append((path, .string(text)))
        }
        guard !files.isEmpty else { throw CommandFault.usage("\(Console.printable(folder)) holds no policies") }
        return .object(JSONObject(files.sorted { $0.0 < $1.0 }))
    }
}

enum PolicyReport {
    /// Errors, warnings and tests, as far as there are such.
    static func print(_ json: JSONValue) {
        for (name, label) in [("errors", "error"), ("warnings", "warning")] {
            for finding in json[name]?.array ?? [] {
                Console.print("\(label): \(Console.printable(finding["message"]?.string ?? finding.string ?? ""))")
            }
        }
        guard let tests = json["tests"]?.array, !tests.isEmpty else { return }
        let failed = tests.filter { $0["passed"]?.bool != true }
        Console.print("\(tests.count - failed.count) of \(tests.count) tests passed")
    }

    static func activation(_ json: JSONValue) {
        let sequence = json["sequence"]?.int.map { ", sequence \($0)" } ?? ""
        Console.print(
            "activation \(json["id"]?.int ?? 0): version \(json["version"]?.int ?? 0) \(json["state"]?.string ?? "")\(sequence)"
        )
    }

    static func row(_ json: JSONValue, _ columns: [String]) -> [String] {
        columns.map { json[$0]?.string ?? json[$0]?.int.map { "\($0)" } ?? "" }
    }
}
