import StrictJSON

extension PolicyJSONReader {
    mutating func policy(_ json: JSONValue, id: PolicyID) throws(Diagnostic) -> Policy {
        let object = try object(
            json, allowed: ["effect", "principal", "action", "resource", "conditions", "annotations"])
        let effectName = try string("effect", of: object)
        guard let effect = Effect(rawValue: effectName) else {
            throw at("effect").problem("`\(effectName)` is no effect", expected: ["`permit`", "`forbid`"])
        }
        let principal = try at("principal").constraint(try member("principal", of: object), of: .principal)
        let action = try at("action").actionConstraint(try member("action", of: object))
        let resource = try at("resource").constraint(try member("resource", of: object), of: .resource)
        var conditions: [Condition] = []
        for (index, condition) in try array("conditions", of: object).enumerated() {
            var reader = at("conditions").at(String(index))
            conditions.append(try reader.condition(condition))
        }
        let annotations = try object["annotations"].map(at("annotations").annotations) ?? []
        return Policy(
            id: id, effect: effect, annotations: annotations, principal: principal, action: action,
            resource: resource, conditions: conditions)
    }

    private mutating func condition(_ json: JSONValue) throws(Diagnostic) -> Condition {
        let object = try object(json, allowed: ["kind", "body"])
        let name = try string("kind", of: object)
        guard let kind = Condition.Kind(rawValue: name) else {
            throw at("kind").problem("`\(name)` begins no condition", expected: ["`when`", "`unless`"])
        }
        let body = try member("body", of: object)
        enter("body")
        let expr = try expr(body)
        leave()
        return Condition(kind, expr)
    }

    private func annotations(_ json: JSONValue) throws(Diagnostic) -> [Annotation] {
        guard let object = json.object else { throw problem("not an object") }
        var annotations: [Annotation] = []
        for (key, value) in object.members {
            guard Name.isWord(key) else { throw problem("`\(key)` is no name of an annotation") }
            guard value.isNull || value.string != nil else { throw at(key).problem("neither a string nor null") }
            annotations.append(Annotation(key: key, value: value.string))
        }
        return annotations
    }

    // MARK: Scopes

    private static let operators = ["All", "==", "in", "is"].map { "`\($0)`" }

    private func constraint(_ json: JSONValue, of slot: Slot) throws(Diagnostic) -> ScopeConstraint {
        var reader = self
        switch json["op"]?.string {
        case "All", "all":
            _ = try object(json, allowed: ["op"])
            return .any
        case "==": return .equal(try reference(try object(json, allowed: ["op", "entity", "slot"]), slot))
        case "in": return .in(try reference(try object(json, allowed: ["op", "entity", "slot"]), slot))
        case "is":
            let members = try object(json, allowed: ["op", "entity_type", "in"])
            let type = try at("entity_type").typeName(try reader.string("entity_type", of: members))
            guard let group = members["in"] else { return .isType(type) }
            let below = at("in")
            return .isTypeIn(type, try below.reference(try below.object(group, allowed: ["entity", "slot"]), slot))
        default: throw at("op").problem("no operator of this scope", expected: Self.operators)
        }
    }

    private func reference(_ object: JSONObject, _ slot: Slot) throws(Diagnostic) -> EntityReference {
        switch (object["entity"], object["slot"]) {
        case (let entity?, nil):
            var reader = at("entity")
            return .entity(try reader.entity(entity))
        case (nil, let name?):
            guard name.string == "?\(slot.rawValue)" else {
                throw at("slot").problem("not the slot of this variable", expected: ["\"?\(slot.rawValue)\""])
            }
            return .slot
        default: throw problem("either `entity` or `slot` is needed")
        }
    }

    private func actionConstraint(_ json: JSONValue) throws(Diagnostic) -> ActionConstraint {
        switch json["op"]?.string {
        case "All", "all":
            _ = try object(json, allowed: ["op"])
            return .any
        case "==":
            let members = try object(json, allowed: ["op", "entity"])
            return .equal(try at("entity").action(try member("entity", of: members)))
        case "in":
            let members = try object(json, allowed: ["op", "entity", "entities"])
            guard (members["entity"] == nil) != (members["entities"] == nil) else {
                throw problem("either `entity` or `entities` is needed")
            }
            if let entity = members["entity"] { return .in(try at("entity").action(entity)) }
            var reader = self
            var actions: [EntityUID] = []
            for (index, entity) in try reader.array("entities", of: members).enumerated() {
                actions.append(try at("entities").at(String(index)).action(entity))
            }
            return .inAny(actions)
        default: throw at("op").problem("no operator of this scope", expected: Array(Self.operators.prefix(3)))
        }
    }

    private func action(_ json: JSONValue) throws(Diagnostic) -> EntityUID {
        var reader = self
        let entity = try reader.entity(json)
        guard entity.isAction else {
            throw problem("`\(entity)` is no action", help: "an action's type is named `Action`")
        }
        return entity
    }

    // MARK: Sets

    mutating func policySet(_ json: JSONValue) throws(Diagnostic) -> PolicySet {
        let object = try object(json, allowed: ["staticPolicies", "templates", "templateLinks"])
        var set = PolicySet()
        for (name, isTemplate) in [("staticPolicies", false), ("templates", true)] {
            let policies = try member(name, of: object)
            guard let members = policies.object?.members else { throw at(name).problem("not an object") }
            for (id, json) in members {
                var reader = at(name).at(id)
                let policy = try reader.policy(json, id: PolicyID(id))
                guard policy.isTemplate == isTemplate else {
                    throw reader.problem(isTemplate ? "a template without a slot" : "a policy with a slot")
                }
                do throws(PolicySetError) { try set.add(policy) } catch { throw reader.problem(error) }
            }
        }
        for (index, json) in try array("templateLinks", of: object).enumerated() {
            var reader = at("templateLinks").at(String(index))
            let link = try reader.link(json)
            do throws(PolicySetError) { try set.link(link) } catch { throw reader.problem(error) }
        }
        return set
    }

    private func problem(_ error: PolicySetError) -> Diagnostic {
        switch error {
        case .duplicateID(let id): problem("a second policy with the id `\(id)`")
        case .noSuchTemplate(let id): problem("there is no template `\(id)`")
        case .wrongSlots(_, let slots):
            problem("`values` fills other slots than the template has", expected: slots.map { "`?\($0.rawValue)`" })
        }
    }

    private mutating func link(_ json: JSONValue) throws(Diagnostic) -> TemplateLink {
        let object = try object(json, allowed: ["templateId", "newId", "values"])
        let template = PolicyID(try string("templateId", of: object))
        let id = PolicyID(try string("newId", of: object))
        let names = Slot.allCases.map { "?\($0.rawValue)" }
        let values = try at("values").object(try member("values", of: object), allowed: names)
        var filled: [Slot: EntityUID] = [:]
        for slot in Slot.allCases {
            guard let value = values["?\(slot.rawValue)"] else { continue }
            var reader = at("values").at("?\(slot.rawValue)")
            filled[slot] = try reader.entity(value)
        }
        return TemplateLink(id: id, template: template, values: filled)
    }
}
