import Foundation
import StrictJSON
import Yams

/// The description of an API (OpenAPI 3.1), written in YAML and served in JSON.
public enum OpenAPIDocument {
    /// Reads a YAML file.
    /// - Returns: the same document as JSON, its members in their order.
    /// - Throws: `ConfigurationError` that names the file.
    public static func load(path: String) throws(ConfigurationError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path), let text = String(data: data, encoding: .utf8)
        else { throw ConfigurationError(["\(path): cannot be read"]) }
        do {
            return try json(yaml: text).encoded()
        } catch {
            throw ConfigurationError(["\(path): not the YAML that is expected (\(error))"])
        }
    }

    static func json(yaml: String) throws -> JSONValue {
        guard let node = try Yams.compose(yaml: yaml) else { return .object([:]) }
        return try value(node)
    }

    private static func value(_ node: Node) throws -> JSONValue {
        switch node {
        case .mapping(let mapping):
            var object = JSONObject()
            for (key, member) in mapping {
                // Status codes are numbers in YAML and names in JSON.
                guard let name = key.scalar?.string else { throw ConfigurationError(["a name that is no text"]) }
                object[name] = try value(member)
            }
            return .object(object)
        case .sequence(let sequence): return .array(try sequence.map { try value($0) })
        case .scalar(let scalar): return self.scalar(node, scalar.string)
        case .alias: throw ConfigurationError(["an alias that leads nowhere"])
        }
    }

    /// By YAML's core schema; dates and everything else that JSON does not know are texts.
    private static func scalar(_ node: Node, _ text: String) -> JSONValue {
        switch node.tag {
        case Tag(.null): .null
        case Tag(.bool): node.bool.map { .bool($0) } ?? .string(text)
        case Tag(.int): node.int.map { .int(Int64($0)) } ?? .string(text)
        case Tag(.float): node.float.map { .double($0) } ?? .string(text)
        default: .string(text)
        }
    }
}
