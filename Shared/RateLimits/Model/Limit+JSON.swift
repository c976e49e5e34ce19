import StrictJSON

extension Limit {
    /// As it stands in a document: members in a fixed order, what is at its default left out.
    package var json: JSONValue {
        var object: JSONObject = ["name": .string(name)]
        if !match.isEmpty { object["match"] = Self.json(of: match) }
        if !except.isEmpty { object["except"] = Self.json(of: except) }
        if !per.isEmpty { object["per"] = .array(per.map { .string($0) }) }
        object["quantity"] = .int(quantity)
        for (key, value) in algorithm.members { object[key] = value }
        if cost != .request { object["cost"] = .string(cost.rawValue) }
        if addressPrefix != .standard {
            object["address_prefix"] = ["v4": .int(Int64(addressPrefix.v4)), "v6": .int(Int64(addressPrefix.v6))]
        }
        switch unavailable {
        case .local: break
        case .closed: object["unavailable"] = "closed"
        case .open(let budget): object["unavailable"] = ["open": .int(budget)]
        }
        if let shares { object["shares"] = shares.json }
        if shadow { object["shadow"] = true }
        if problem != .quotaExceeded { object["problem"] = .string(problem.rawValue) }
        return .object(object)
    }

    private static func json(of conditions: [Condition]) -> JSONValue {
        .object(
            JSONObject(conditions.sorted { $0.descriptor < $1.descriptor }.map { ($0.descriptor, $0.test.json) }))
    }
}

extension LimitAlgorithm {
    fileprivate var members: [(String, JSONValue)] {
        switch self {
        case .window(let span): [("window", .string(SpanText.text(span)))]
        case .exact(let span): [("window", .string(SpanText.text(span))), ("algorithm", "exact")]
        case .bucket(let span, let burst):
            [("window", .string(SpanText.text(span))), ("algorithm", "bucket"), ("burst", .int(burst))]
        case .calendar(let period): [("window", .string(period.rawValue))]
        case .concurrency(let expiry): [("algorithm", "concurrency"), ("expiry", .string(SpanText.text(expiry)))]
        }
    }
}

extension Condition.Test {
    fileprivate var json: JSONValue {
        switch self {
        case .present: return ["present": true]
        case .absent: return ["present": false]
        case .networks(let networks): return Self.list(networks.map(\.description))
        case .text(let values, let prefixes): return Self.list(values + prefixes.map { $0 + "*" })
        }
    }

    private static func list(_ texts: [String]) -> JSONValue {
        texts.count == 1 ? .string(texts[0]) : .array(texts.map { .string($0) })
    }
}

extension LimitShares {
    fileprivate var json: JSONValue {
        var object: JSONObject = ["by": .string(by)]
        if !weights.isEmpty {
            let sorted = weights.sorted { $0.key < $1.key }
            object["weights"] = .object(JSONObject(sorted.map { ($0.key, .int($0.value)) }))
        }
        if others != 1 { object["default"] = .int(others) }
        if surplusPercent != 0 { object["surplus"] = .string("\(surplusPercent)%") }
        return .object(object)
    }
}
