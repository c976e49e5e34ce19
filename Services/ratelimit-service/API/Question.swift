import APISecurity
import RateLimits
import StrictJSON

/// What a caller asks: how a request is described, and what it costs.
struct Question: Sendable {
    static let mostDescriptors = 32

    let descriptors: Descriptors
    let cost: Int64

    init(descriptors: Descriptors, cost: Int64) {
        self.descriptors = descriptors
        self.cost = cost
    }

    /// Questions as nearly all are; nil for any that `init(reading:)` has to look at.
    init?(plain object: JSONObject) {
        var cost: Int64 = 1
        var described: JSONObject?
        for member in object.members {
            switch member.key {
            case "descriptors": described = member.value.object
            case "cost":
                guard let value = member.value.int, Question.costs.contains(value) else { return nil }
                cost = value
            default: return nil
            }
        }
        guard let described, described.members.count <= Question.mostDescriptors else { return nil }
        var pairs: [(name: String, value: String)] = []
        pairs.reserveCapacity(described.members.count)
        for member in described.members {
            guard let value = member.value.string, DescriptorRules.isName(member.key), DescriptorRules.isValue(value)
            else { return nil }
            pairs.append((member.key, value))
        }
        self.init(descriptors: Descriptors(distinct: pairs), cost: cost)
    }

    /// Reads the members of a question; faults are noted there.
    init(reading fields: inout BodyFields) {
        let cost = fields.optionalInt("cost", in: 0...Int(Bounds.cost)) ?? 1
        var descriptors = Descriptors()
        let object = fields.object("descriptors")
        if object.members.count > Question.mostDescriptors {
            fields.reject("descriptors", "at most \(Question.mostDescriptors) members are expected")
        }
        var inner = BodyFields(object, at: "/descriptors")
        for member in object.members.prefix(Question.mostDescriptors) {
            let value = inner.string(
                member.key, length: 1...Bounds.valueBytes,
                pattern: TextPattern("1 to \(Bounds.valueBytes) bytes without control characters") {
                    DescriptorRules.isValue($0)
                })
            if !DescriptorRules.isName(member.key) {
                inner.reject(
                    member.key, "a name of 1 to \(Bounds.nameBytes) letters, digits, hyphens, underscores, dots")
            }
            descriptors[member.key] = value
        }
        if object.members.count <= Question.mostDescriptors { fields.take(inner) }
        self.init(descriptors: descriptors, cost: Int64(cost))
    }

    static let costs: ClosedRange<Int64> = 0...Bounds.cost
}
