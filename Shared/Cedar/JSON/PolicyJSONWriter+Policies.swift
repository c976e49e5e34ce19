import StrictJSON

extension PolicyJSONWriter {
    static func json(_ policy: Policy) -> JSONValue {
        var object: JSONObject = [
            "effect": .string(policy.effect.rawValue),
            "principal": json(policy.principal, of: .principal),
            "action": json(policy.action),
            "resource": json(policy.resource, of: .resource),
            "conditions": .array(
                policy.conditions.map { ["kind": .string($0.kind.rawValue), "body": json($0.body)] }),
        ]
        if !policy.annotations.isEmpty {
            object["annotations"] = .object(
                JSONObject(policy.annotations.map { ($0.key, $0.value.map { .string($0) } ?? .null) }))
        }
        return .object(object)
    }

    static func json(_ set: PolicySet) -> JSONValue {
        let linked = Set(set.links.map(\.id))
        let policies = set.policies.filter { !linked.contains($0.id) }
        return [
            "staticPolicies": object(policies),
            "templates": object(set.templates),
            "templateLinks": .array(set.links.map(json)),
        ]
    }

    private static func object(_ policies: [Policy]) -> JSONValue {
        .object(JSONObject(distinct: policies.map { (key: $0.id.text.string, value: json($0)) }))
    }

    private static func json(_ link: TemplateLink) -> JSONValue {
        let values = Slot.allCases.compactMap { slot in link.values[slot].map { ("?\(slot.rawValue)", json($0)) } }
        return [
            "templateId": .string(link.template.text.string), "newId": .string(link.id.text.string),
            "values": .object(JSONObject(values)),
        ]
    }

    private static func json(_ constraint: ScopeConstraint, of slot: Slot) -> JSONValue {
        func member(_ reference: EntityReference) -> (String, JSONValue) {
            switch reference {
            case .entity(let entity): ("entity", json(entity))
            case .slot: ("slot", .string("?\(slot.rawValue)"))
            }
        }
        switch constraint {
        case .any: return ["op": "All"]
        case .equal(let reference): return .object(JSONObject([("op", "=="), member(reference)]))
        case .in(let reference): return .object(JSONObject([("op", "in"), member(reference)]))
        case .isType(let type): return ["op": "is", "entity_type": .string(type.text)]
        case .isTypeIn(let type, let reference):
            let group = JSONValue.object(JSONObject([member(reference)]))
            return ["op": "is", "entity_type": .string(type.text), "in": group]
        }
    }

    private static func json(_ constraint: ActionConstraint) -> JSONValue {
        switch constraint {
        case .any: ["op": "All"]
        case .equal(let entity): ["op": "==", "entity": json(entity)]
        case .in(let entity): ["op": "in", "entity": json(entity)]
        case .inAny(let entities): ["op": "in", "entities": .array(entities.map(json))]
        }
    }
}
