import Cedar
import Foundation

/// How a decision's time grows with policies, with the depth of hierarchies and with entities; printed as bars, and written to
/// `.local/policies-growth.csv`.
enum PolicyGrowth {
    private struct Point {
        let axis: String
        let value: Int
        let ours: Double
        /// Nil where loading alone would take it minutes.
        let theirs: Double?
    }

    static func run(_ reference: PolicyReference) throws {
        var points: [Point] = []
        for count in [10, 100, 1_000, 10_000, 100_000] {
            let workload = PolicyWorkload.trading(policies: count, requests: 200, seed: 11)
            points.append(try point("policies", count, workload, count <= 10_000 ? reference : nil))
        }
        for depth in [1, 4, 16, 64] {
            let workload = PolicyWorkload.trading(policies: 1_000, depth: depth, requests: 200, seed: 12)
            points.append(try point("depth", depth, workload, reference))
        }
        for people in [100, 1_000, 10_000, 100_000] {
            let workload = PolicyWorkload.trading(policies: 100, people: people, requests: 2_000, seed: 13)
            points.append(try point("entities", workload.entities.count, workload, people <= 10_000 ? reference : nil))
        }
        draw(points)
        let lines = points.map { "\($0.axis),\($0.value),\($0.ours),\($0.theirs.map { "\($0)" } ?? "")" }
        let table = (["axis,value,microseconds,cedarpy_microseconds"] + lines).joined(separator: "\n") + "\n"
        try table.write(toFile: ".local/policies-growth.csv", atomically: true, encoding: .utf8)
    }

    private static func point(
        _ axis: String, _ value: Int, _ workload: PolicyWorkload, _ reference: PolicyReference?
    ) throws -> Point {
        let engine = try PolicyEngine(workload)
        _ = engine.warm()
        let ours = Spread((0..<3).map { _ in engine.warm() }).median
        var theirs: Double?
        if let reference {
            guard try reference.load(workload).decisions == engine.decisions() else {
                throw Failure(what: "\(axis) \(value): the decisions are not the reference's")
            }
            theirs = Spread(try (0..<3).map { _ in try reference.decide(cold: false) }).median
        }
        return Point(axis: axis, value: value, ours: ours, theirs: theirs)
    }

    /// A bar has a sign for each 25 ns of ours.
    private static func draw(_ points: [Point]) {
        for point in points {
            let name = "\(point.axis) \(point.value)".padding(toLength: 18, withPad: " ", startingAt: 0)
            let theirs = point.theirs.map { ", cedarpy \(Spread.format($0)) µs" } ?? ""
            print(
                "  \(name) \(String(repeating: "▇", count: max(1, Int(point.ours * 40)))) "
                    + "\(Spread.format(point.ours)) µs\(theirs)")
        }
    }
}
