import Foundation
import StrictJSON
import TestSupport

/// Sets of policies that can be told apart, and in which a mix of two shows: the shipped set with some files more, each of
/// which carries the set's mark and decides everything that is asked.
enum PolicyMarks {
    static let files = 4
    static let desks = ["north", "south"]

    /// The files of a set.
    static func content(_ mark: String) throws -> JSONValue {
        let root = Project.file("policies")
        var content: JSONObject = [:]
        for path in (FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []).sorted()
        where !path.hasPrefix("tests") && [".cedar", ".json", ".cedarschema"].contains(where: path.hasSuffix) {
            content[path] = .string(try String(contentsOfFile: root + "/" + path, encoding: .utf8))
        }
        for number in 0..<files {
            content["mark\(number).cedar"] = .string(
                """
                @id("permit-\(number)-\(mark)")
                permit (principal is User, action == Action::"orders:place", resource is Order);
                @id("forbid-\(number)-\(mark)")
                forbid (principal is User, action == Action::"orders:place", resource is Order)
                when { resource.desk.halted };
                """)
        }
        // Both are always changed together.
        content["pair.cedar"] = .string(
            """
            @id("pair-torn")
            forbid (principal, action == Action::"orders:place", resource is Order)
            when { Desk::"north".order_limit != Desk::"south".order_limit };
            """)
        return .object(content)
    }

    static func desk(_ id: String, limit: Int64) -> JSONValue {
        [
            "uid": ["type": "Desk", "id": .string(id)],
            "attrs": ["halted": false, "order_limit": .int(limit), "networks": []],
            "parents": [["type": "Platform", "id": "platform"]],
        ]
    }

    static let others: [JSONValue] = [
        ["uid": ["type": "Platform", "id": "platform"], "attrs": ["halted": false], "parents": []],
        ["uid": ["type": "Instrument", "id": "EURUSD"], "attrs": ["halted": false], "parents": []],
    ]
}
