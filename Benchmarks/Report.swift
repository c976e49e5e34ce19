import Foundation
import StrictJSON

/// The figures of a run: each with what limits it, measured in the same run, and whether the goal holds.
struct Report {
    struct Row {
        let name: String
        let unit: String
        /// The median of several interleaved rounds, and the lowest and highest of them.
        let ours: Spread
        /// What it is compared with, when it is compared.
        let limit: Spread?
        /// `ours / limit`, round by round; nil when the goal is a figure of its own.
        let ratio: Spread?
        /// The ratio, or the figure, may be at most this; nil for figures that are told for orientation.
        let goal: Double?

        var holds: Bool? { goal.map { (ratio?.median ?? ours.median) <= $0 } }
    }

    private(set) var rows: [Row] = []

    /// A figure with a goal of its own.
    mutating func add(_ name: String, _ unit: String, _ ours: [Double], goal: Double? = nil) {
        add(Row(name: name, unit: unit, ours: Spread(ours), limit: nil, ratio: nil, goal: goal))
    }

    /// A figure against its limit: rounds of both, taken in turn.
    mutating func add(_ name: String, _ unit: String, _ ours: [Double], limit: [Double], goal: Double?) {
        let ratios = zip(ours, limit).map { $0 / $1 }
        add(
            Row(
                name: name, unit: unit, ours: Spread(ours), limit: Spread(limit), ratio: Spread(ratios), goal: goal))
    }

    private mutating func add(_ row: Row) {
        rows.append(row)
        print("  \(row.name): \(row.ours) \(row.unit)" + (row.ratio.map { ", ratio \($0)" } ?? ""))
    }

    func table() -> String {
        let heading = ["name", "ours", "limit", "ratio", "goal", "holds"]
        let cells = rows.map(Report.cells)
        let all: [[String]] = [heading] + cells
        let widths = heading.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for row in all {
            for (cell, width) in zip(row, widths) {
                text += cell.padding(toLength: width, withPad: " ", startingAt: 0) + "  "
            }
            text += "\n"
        }
        return text
    }

    private static func cells(_ row: Row) -> [String] {
        var cells = [row.name, "\(row.ours) \(row.unit)", "-", "-", "-", "-"]
        if let limit = row.limit { cells[2] = "\(limit) \(row.unit)" }
        if let ratio = row.ratio { cells[3] = ratio.description }
        if let goal = row.goal { cells[4] = "<= " + Spread.format(goal) }
        if let holds = row.holds { cells[5] = holds ? "yes" : "NO" }
        return cells
    }

    func lines() -> String {
        rows.map { row in
            var object: JSONObject = [
                "name": .string(row.name), "unit": .string(row.unit), "ours": row.ours.json(),
            ]
            object["limit"] = row.limit?.json()
            object["ratio"] = row.ratio?.json()
            object["goal"] = row.goal.map(JSONValue.double)
            object["holds"] = row.holds.map(JSONValue.bool)
            return JSONValue.object(object).encodedString() + "\n"
        }.joined()
    }
}

/// Median, lowest and highest of several rounds.
struct Spread: CustomStringConvertible {
    let median: Double
    let low: Double
    let high: Double

    init(_ values: [Double]) {
        let sorted = values.sorted()
        low = sorted.first ?? .nan
        high = sorted.last ?? .nan
        let middle = sorted.count / 2
        median =
            sorted.isEmpty ? .nan : sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    static func format(_ value: Double) -> String {
        switch abs(value) {
        case 100...: String(format: "%.0f", value)
        case 10..<100: String(format: "%.1f", value)
        case 1e-6..<0.01: String(format: "%.2g", value)
        default: String(format: "%.3f", value)
        }
    }

    var description: String {
        "\(Spread.format(median)) (\(Spread.format(low)) to \(Spread.format(high)))"
    }

    func json() -> JSONValue { ["median": .double(median), "low": .double(low), "high": .double(high)] }
}
