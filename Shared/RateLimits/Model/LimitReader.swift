/// Reads limits from a document.
struct LimitReader {
    private(set) var reader = DocumentReader()

    private static let members = [
        "name", "match", "except", "per", "quantity", "window", "algorithm", "burst", "expiry", "cost",
        "address_prefix", "unavailable", "shares", "shadow", "problem",
    ]

    /// The limits of a whole document, `{limits: [...]}`.
    mutating func limits(_ root: DocumentNode) throws(LimitFaults) -> [Limit] {
        guard let top = reader.members(root, known: ["limits"], of: "the document") else {
            throw LimitFaults(reader.faults)
        }
        var limits: [Limit] = []
        if let list = top["limits"] {
            let nodes = reader.sequence(list, of: "limits") ?? []
            if nodes.count > Bounds.limits { reader.fault("more than \(Bounds.limits) limits", at: list.place) }
            var names: Set<String> = []
            for node in nodes.prefix(Bounds.limits) {
                guard let limit = limit(node) else { continue }
                if !limit.name.isEmpty, !names.insert(limit.name).inserted {
                    reader.fault("there is another limit named \(limit.name)", at: node.place)
                }
                limits.append(limit)
            }
        } else {
            reader.fault("limits are missing", at: root.place)
        }
        guard reader.faults.isEmpty else { throw LimitFaults(reader.faults) }
        return limits
    }

    /// Nil when something is missing that nothing can stand for; its faults are then noted.
    private mutating func limit(_ node: DocumentNode) -> Limit? {
        guard let members = reader.members(node, known: Self.members, of: "a limit") else { return nil }
        let name = name(members["name"], of: node)
        let per = members["per"].map { perDescriptors($0) } ?? []
        let match = members["match"].map { conditions($0, "match") } ?? []
        let except = members["except"].map { conditions($0, "except") } ?? []
        let algorithm = algorithm(members, of: node)
        let quantity = quantity(members["quantity"], for: algorithm, of: node)
        let cost: CostRule? = members["cost"].flatMap { reader.word($0, "cost") }
        let problem: LimitProblem? = members["problem"].flatMap { reader.word($0, "problem") }
        let shares = members["shares"].flatMap { self.shares($0) }
        switch algorithm {
        case .bucket?, .concurrency?:
            if let node = members["shares"] {
                reader.fault("shares are only for windows, exact or not, and calendars", at: node.place)
            }
        default: break
        }
        let unavailable = members["unavailable"].flatMap { self.unavailable($0, quantity: quantity) }
        let prefix = members["address_prefix"].flatMap { addressPrefix($0) }
        if let node = members["address_prefix"], !per.contains(Condition.address) {
            reader.fault("address_prefix is of use only where per has address", at: node.place)
        }
        let shadow = members["shadow"].flatMap { reader.boolean($0, "shadow") } ?? false
        guard let algorithm, let quantity else { return nil }
        return Limit(
            name: name ?? "", match: match, except: except, per: per, quantity: quantity, algorithm: algorithm,
            cost: cost ?? .request, addressPrefix: prefix ?? .standard, unavailable: unavailable ?? .local,
            shares: shares, shadow: shadow, problem: problem ?? .quotaExceeded)
    }

    private mutating func name(_ node: DocumentNode?, of limit: DocumentNode) -> String? {
        guard let node else {
            reader.fault("a limit needs a name", at: limit.place)
            return nil
        }
        guard let name = reader.text(node, "name") else { return nil }
        let plain = name.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || $0 == UInt8(ascii: "-")
        }
        guard plain, (1...Bounds.nameBytes).contains(name.utf8.count) else {
            reader.fault(
                "a name has 1 to \(Bounds.nameBytes) lower-case letters, digits and hyphens, not \"\(name.prefix(80))\"",
                at: node.place)
            return nil
        }
        return name
    }

    private mutating func quantity(
        _ node: DocumentNode?, for algorithm: LimitAlgorithm?, of limit: DocumentNode
    ) -> Int64? {
        guard let node else {
            reader.fault("a limit needs a quantity", at: limit.place)
            return nil
        }
        let highest =
            switch algorithm {
            case .exact?: Bounds.exactQuantity
            case .bucket?: Bounds.bucketQuantity
            case .concurrency?: Bounds.concurrency
            default: Bounds.quantity
            }
        // Nothing at all is a limit too (what is closed for now), but a bucket has to fill.
        let lowest: Int64 = if case .bucket? = algorithm { 1 } else { 0 }
        return reader.integer(node, "quantity", in: lowest...highest)
    }

    private mutating func perDescriptors(_ node: DocumentNode) -> [String] {
        guard let nodes = reader.sequence(node, of: "per") else { return [] }
        var names: [String] = []
        for node in nodes {
            guard let name = descriptor(node) else { continue }
            if names.contains(name) { reader.fault("\(name) stands twice in per", at: node.place) }
            names.append(name)
        }
        return names
    }

    /// The name of a descriptor.
    private mutating func descriptor(_ node: DocumentNode) -> String? {
        guard let name = reader.text(node, "a descriptor") else { return nil }
        guard DescriptorRules.isName(name) else {
            reader.fault(DescriptorRules.nameRule, at: node.place)
            return nil
        }
        return name
    }
}

// MARK: - Conditions

extension LimitReader {
    private mutating func conditions(_ node: DocumentNode, _ what: String) -> [Condition] {
        guard case .mapping(let members) = node.content else {
            reader.fault("\(what) must be a mapping, not \(node.kind)", at: node.place)
            return []
        }
        var conditions: [Condition] = []
        for member in members {
            guard DescriptorRules.isName(member.key) else {
                reader.fault(DescriptorRules.nameRule, at: member.place)
                continue
            }
            guard let test = test(member.value, of: member.key) else { continue }
            conditions.append(Condition(member.key, test))
        }
        return conditions.sorted { $0.descriptor < $1.descriptor }
    }

    private mutating func test(_ node: DocumentNode, of descriptor: String) -> Condition.Test? {
        switch node.content {
        case .mapping:
            guard let members = reader.members(node, known: ["present"], of: "a condition") else { return nil }
            guard let present = members["present"] else {
                reader.fault("a condition needs a value, a list of values or present", at: node.place)
                return nil
            }
            return reader.boolean(present, "present").map { $0 ? .present : .absent }
        case .scalar: return anyOf([node], of: descriptor)
        case .sequence(let nodes):
            guard !nodes.isEmpty else {
                reader.fault("an empty list holds for nothing", at: node.place)
                return nil
            }
            return anyOf(nodes, of: descriptor)
        }
    }

    private mutating func anyOf(_ nodes: [DocumentNode], of descriptor: String) -> Condition.Test? {
        var values: [String] = []
        var prefixes: [String] = []
        var networks: [Network] = []
        for node in nodes {
            guard let text = reader.text(node, "a value") else { continue }
            if descriptor == Condition.address, text != "*" {
                if let network = Network(text) {
                    networks.append(network)
                } else {
                    reader.fault(
                        "\"\(text.prefix(60))\" is no address and no network such as 10.0.0.0/8", at: node.place)
                }
            } else if !DescriptorRules.isValue(text) {
                reader.fault(DescriptorRules.valueRule, at: node.place)
            } else if text.hasSuffix("*") {
                prefixes.append(String(text.dropLast()))
            } else {
                values.append(text)
            }
            if text.dropLast().contains("*") {
                reader.fault("* stands for the rest of a value and only at its end", at: node.place)
            }
        }
        if prefixes.contains("") { return .present }
        if !networks.isEmpty { return .networks(networks) }
        return .text(values: values, prefixes: prefixes)
    }
}

// MARK: - How it counts

extension LimitReader {
    private enum Word: String, CaseIterable {
        case window, exact, bucket, calendar, concurrency
    }

    private mutating func algorithm(_ members: [String: DocumentNode], of limit: DocumentNode) -> LimitAlgorithm? {
        let window = members["window"]
        let period = window.flatMap { node -> CalendarPeriod? in
            if case .scalar(let text, _) = node.content { CalendarPeriod(rawValue: text) } else { nil }
        }
        let stated: Word? = members["algorithm"].flatMap { reader.word($0, "algorithm") }
        if members["algorithm"] != nil, stated == nil { return nil }
        let word: Word = stated ?? (period != nil ? .calendar : members["burst"] != nil ? .bucket : .window)
        unused(["burst"], in: members, unless: word == .bucket, "a bucket")
        unused(["expiry"], in: members, unless: word == .concurrency, "concurrency")
        unused(["window"], in: members, unless: word != .concurrency, "what is not held at the same time")
        switch word {
        case .concurrency:
            guard let expiry = members["expiry"] else {
                reader.fault("concurrency needs an expiry", at: limit.place)
                return nil
            }
            return reader.span(expiry, "expiry", in: 100...Bounds.span).map { .concurrency(expiry: $0) }
        case .calendar:
            if let period { return .calendar(period) }
            reader.fault("the window of a calendar is day or month", at: (window ?? limit).place)
            return nil
        case .window, .exact, .bucket: break
        }
        guard let window else {
            reader.fault("a limit needs a window", at: limit.place)
            return nil
        }
        if period != nil {
            reader.fault("day and month are the calendar's; a window of 24 hours is written 24h", at: window.place)
            return nil
        }
        return sliding(word, window, burst: members["burst"], of: limit)
    }

    private mutating func sliding(
        _ word: Word, _ window: DocumentNode, burst: DocumentNode?, of limit: DocumentNode
    ) -> LimitAlgorithm? {
        let lowest: Int64 = word == .window ? SlidingWindow.subwindows : 1
        guard let span = reader.span(window, "window", in: lowest...Bounds.span) else { return nil }
        switch word {
        case .exact: return .exact(span: span)
        case .bucket:
            guard let burst else {
                reader.fault("a bucket needs a burst: what is let through at once", at: limit.place)
                return nil
            }
            return reader.integer(burst, "burst", in: 1...TokenBucket.highestBurst(span: span))
                .map { .bucket(span: span, burst: $0) }
        default:
            guard span % SlidingWindow.subwindows == 0 else {
                reader.fault("a window is a multiple of 50 ms; write algorithm: exact for this one", at: window.place)
                return nil
            }
            return .window(span: span)
        }
    }

    private mutating func unused(
        _ names: [String], in members: [String: DocumentNode], unless used: Bool, _ what: String
    ) {
        guard !used else { return }
        for name in names {
            if let node = members[name] { reader.fault("\(name) is only for \(what)", at: node.place) }
        }
    }
}

// MARK: - The rest

extension LimitReader {
    private mutating func addressPrefix(_ node: DocumentNode) -> AddressPrefixLengths? {
        guard let members = reader.members(node, known: ["v4", "v6"], of: "address_prefix") else { return nil }
        let v4 = members["v4"].flatMap { reader.integer($0, "v4", in: 8...32) }
        let v6 = members["v6"].flatMap { reader.integer($0, "v6", in: 16...128) }
        let standard = AddressPrefixLengths.standard
        return AddressPrefixLengths(v4: v4.map(Int.init) ?? standard.v4, v6: v6.map(Int.init) ?? standard.v6)
    }

    private mutating func unavailable(_ node: DocumentNode, quantity: Int64?) -> UnavailableRule? {
        switch node.content {
        case .scalar("local", _): return .local
        case .scalar("closed", _): return .closed
        case .mapping:
            guard let members = reader.members(node, known: ["open"], of: "unavailable") else { return nil }
            if let open = members["open"] {
                return reader.integer(open, "open", in: 0...Bounds.quantity).map { .open(budget: $0) }
            }
        default: break
        }
        reader.fault(
            "unavailable is local, closed, or {open: N}: N a window in each replica; not \(node.kind)", at: node.place)
        return nil
    }

    private mutating func shares(_ node: DocumentNode) -> LimitShares? {
        let known = ["by", "weights", "default", "surplus"]
        guard let members = reader.members(node, known: known, of: "shares") else { return nil }
        guard let byNode = members["by"] else {
            reader.fault("shares need by: the descriptor that tells whose they are", at: node.place)
            return nil
        }
        guard let by = descriptor(byNode) else { return nil }
        var weights: [String: Int64] = [:]
        if let weightsNode = members["weights"] {
            if case .mapping(let entries) = weightsNode.content {
                for entry in entries {
                    guard DescriptorRules.isValue(entry.key) else {
                        reader.fault(DescriptorRules.valueRule, at: entry.place)
                        continue
                    }
                    weights[entry.key] = reader.integer(entry.value, "a weight", in: 1...1_000_000)
                }
            } else {
                reader.fault("weights must be a mapping, not \(weightsNode.kind)", at: weightsNode.place)
            }
        }
        let others = members["default"].flatMap { reader.integer($0, "default", in: 0...1_000_000) } ?? 1
        let surplus = members["surplus"].flatMap { percent($0) } ?? 0
        return LimitShares(by: by, weights: weights, others: others, surplusPercent: surplus)
    }

    private mutating func percent(_ node: DocumentNode) -> Int64? {
        if case .scalar(let text, _) = node.content, text.hasSuffix("%"), let value = Int64(text.dropLast()),
            (0...100).contains(value), text.utf8.first != UInt8(ascii: "+")
        {
            return value
        }
        reader.fault("surplus must be a whole number of percent such as 20%, not \(node.kind)", at: node.place)
        return nil
    }
}
