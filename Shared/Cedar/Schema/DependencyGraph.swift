/// What refers to what, by index.
struct DependencyGraph {
    let edges: [[Int]]

    /// More steps than these are not made to find out what is reachable: the answer would fill the memory.
    static let maximumSteps = 1 << 24

    /// More cycles than these are not told.
    static let maximumCycles = 100

    /// Every node after those it refers to, as far as cycles allow it, and the cycles that were met.
    func order() -> (order: [Int], cycles: [[Int]]) {
        enum State { case new, open, done }
        var state = [State](repeating: .new, count: edges.count)
        var order: [Int] = []
        var cycles: [[Int]] = []
        // The path from where the search began, with the next edge to follow.
        var path: [(node: Int, edge: Int)] = []
        var position = [Int](repeating: 0, count: edges.count)
        for start in edges.indices where state[start] == .new {
            state[start] = .open
            position[start] = path.count
            path.append((start, 0))
            while let (node, edge) = path.last {
                guard edge < edges[node].count else {
                    state[node] = .done
                    order.append(node)
                    path.removeLast()
                    continue
                }
                path[path.count - 1].edge += 1
                let next = edges[node][edge]
                switch state[next] {
                case .new:
                    state[next] = .open
                    position[next] = path.count
                    path.append((next, 0))
                case .open:
                    if cycles.count < Self.maximumCycles { cycles.append(path[position[next]...].map(\.node)) }
                case .done: break
                }
            }
        }
        return (order, cycles)
    }

    /// For every node those that can be reached from it over one edge or more; nil when there are too many.
    func reachable() -> [[Int]]? {
        var steps = 0
        // The search that came by last.
        var visited = [Int](repeating: -1, count: edges.count)
        var result: [[Int]] = []
        result.reserveCapacity(edges.count)
        for start in edges.indices {
            var found: [Int] = []
            var next = -1
            var node = start
            while true {
                steps += edges[node].count + 1
                guard steps <= Self.maximumSteps else { return nil }
                for target in edges[node] where visited[target] != start {
                    visited[target] = start
                    found.append(target)
                }
                next += 1
                guard next < found.count else { break }
                node = found[next]
            }
            result.append(found)
        }
        return result
    }
}
