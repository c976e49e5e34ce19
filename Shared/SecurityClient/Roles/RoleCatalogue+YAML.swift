import Foundation
import StrictJSON
import Yams

/// The catalogue in a YAML file, as `deploy/config/roles.yaml`.
extension RoleCatalogue {
    package init(contentsOf path: String) throws(RoleCatalogueFault) {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch { throw .init("\(path): cannot be read") }
        do throws(RoleCatalogueFault) {
            try self.init(yaml: text)
        } catch { throw .init("\(path): \(error)") }
    }

    package init(yaml: String) throws(RoleCatalogueFault) {
        let root: Any?
        do { root = try Yams.load(yaml: yaml) } catch { throw .init("\(error)") }
        guard let root, let json = JSONValue(yaml: root), json.object != nil else { throw .init("not a mapping") }
        try self.init(json: json)
    }
}

extension JSONValue {
    /// Nil for what JSON has not: dates, binary data, keys that are no text.
    fileprivate init?(yaml value: Any) {
        switch value {
        case let text as String: self = .string(text)
        case let flag as Bool: self = .bool(flag)
        case let number as Int: self = .int(Int64(number))
        case let number as Double: self = .double(number)
        case is NSNull: self = .null
        case let list as [Any]:
            var elements: [JSONValue] = []
            for element in list {
                guard let json = JSONValue(yaml: element) else { return nil }
                elements.append(json)
            }
            self = .array(elements)
        case let mapping as [String: Any]:
            var object = JSONObject()
            for (key, value) in mapping.sorted(by: { $0.key < $1.key }) {
                guard let json = JSONValue(yaml: value) else { return nil }
                object[key] = json
            }
            self = .object(object)
        default: return nil
        }
    }
}
