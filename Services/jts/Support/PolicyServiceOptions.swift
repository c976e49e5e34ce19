import ArgumentParser
import Foundation
import StrictJSON

/// Which policy-service, and how answers are printed.
struct PolicyServiceOptions: ParsableArguments {
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

    /// All that a paged list holds.
    func pages(_ path: String, _ query: [String], _ name: String) async throws -> [JSONValue] {
        var list: [JSONValue] = []
        var cursor: String?
        repeat {
            let next = try cursor.map { ["cursor=\(try API.segment($0))"] } ?? []
            let page = try await call("GET", path + "?" + (query + ["limit=200"] + next).joined(separator: "&"))
                .expecting(200)
            list += page[name]?.array ?? []
            cursor = page["next_cursor"]?.string
        } while cursor != nil
        return list
    }
}
