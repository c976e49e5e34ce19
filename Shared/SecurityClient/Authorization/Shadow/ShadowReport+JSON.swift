import Contracts
import StrictJSON

extension ShadowReport {
    /// The most frequent differences first.
    package var json: JSONValue {
        let listed = tallies.sorted { left, right in
            left.value.count == right.value.count
                ? left.value.sample.at < right.value.sample.at : left.value.count > right.value.count
        }
        return [
            "shadow_version": .int(pair.shadowVersion), "active_version": .int(pair.activeVersion),
            "active_sequence": .int(pair.activeSequence), "since": .string(RFC3339.string(milliseconds: since)),
            "same": .int(Int64(clamping: same)), "different": .int(Int64(clamping: different)),
            "errors": .int(Int64(clamping: errors)), "skipped": .int(Int64(clamping: skipped)),
            "kinds_left_out": .int(Int64(clamping: leftOut)),
            "differences": .array(listed.map { ShadowReport.json($0.key, $0.value) }),
        ]
    }

    private static func json(_ kind: Kind, _ tally: Tally) -> JSONValue {
        [
            "action": .string(kind.action), "principal_type": .string(kind.principalType),
            "resource_type": .string(kind.resourceType), "active": .string(kind.active.rawValue),
            "shadow": .string(kind.shadow.rawValue),
            "active_policies": .array(kind.activePolicies.map { .string($0) }),
            "shadow_policies": .array(kind.shadowPolicies.map { .string($0) }),
            "count": .int(Int64(clamping: tally.count)), "last_at": .string(RFC3339.string(milliseconds: tally.last)),
            "sample": [
                "principal": .string(tally.sample.principal), "resource": .string(tally.sample.resource),
                "at": .string(RFC3339.string(milliseconds: tally.sample.at)),
            ],
        ]
    }

    /// Reads what `json` writes, from somebody who may have written anything; nil when it is no report.
    package init?(json: JSONValue) {
        func count(_ name: String, of json: JSONValue) -> UInt64? {
            json[name]?.int.flatMap { UInt64(exactly: $0) }
        }
        func time(_ name: String, of json: JSONValue) -> Int64? {
            json[name]?.string.flatMap { RFC3339.milliseconds($0) }
        }
        guard let shadow = json["shadow_version"]?.int, let active = json["active_version"]?.int,
            let sequence = json["active_sequence"]?.int, let since = time("since", of: json),
            let same = count("same", of: json), let different = count("different", of: json),
            let errors = count("errors", of: json), let skipped = count("skipped", of: json),
            let leftOut = count("kinds_left_out", of: json), let list = json["differences"]?.array,
            list.count <= ShadowReport.maximumKinds
        else { return nil }
        self.init(.init(activeSequence: sequence, activeVersion: active, shadowVersion: shadow), since: since)
        var tallies: [Kind: Tally] = [:]
        for element in list {
            guard let kind = Kind(json: element), let count = count("count", of: element),
                let last = time("last_at", of: element), let sample = element["sample"],
                let principal = sample["principal"]?.string, let resource = sample["resource"]?.string,
                let at = time("at", of: sample)
            else { return nil }
            tallies[kind] = Tally(
                count: count, sample: Sample(principal: principal, resource: resource, at: at), last: last)
        }
        set(same: same, different: different, errors: errors, skipped: skipped, leftOut: leftOut, tallies)
    }
}

extension ShadowReport.Kind {
    fileprivate init?(json: JSONValue) {
        guard let action = json["action"]?.string, let principal = json["principal_type"]?.string,
            let resource = json["resource_type"]?.string,
            let active = json["active"]?.string.flatMap(ShadowReport.Answer.init(rawValue:)),
            let shadow = json["shadow"]?.string.flatMap(ShadowReport.Answer.init(rawValue:)),
            let activePolicies = json["active_policies"]?.strings,
            let shadowPolicies = json["shadow_policies"]?.strings,
            max(activePolicies.count, shadowPolicies.count) <= ShadowReport.maximumPolicies
        else { return nil }
        self.init(
            action: action, principalType: principal, resourceType: resource, active: active, shadow: shadow,
            activePolicies: activePolicies, shadowPolicies: shadowPolicies)
    }
}
