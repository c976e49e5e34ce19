import Configuration
import Foundation
import Synchronization

/// Why a service does not start: what is wrong with its configuration, one line a value, none of them a value that is
/// secret.
public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    public let faults: [String]

    public init(_ faults: [String]) { self.faults = faults }

    public var description: String { faults.joined(separator: "\n") }
}

/// Reads configuration: the environment over a YAML file (`CONFIG_FILE`) over defaults.
///
/// Nothing is thrown while reading: a bad value is noted and its default goes on, and `finish()` reports all of them.
/// Names are those of environment variables; the YAML file has the same names in lower case, at its top level.
public final class ConfigSource: Sendable {
    private let environment: EnvironmentVariablesProvider
    private let file: YAMLSnapshot?
    private let faults = Mutex<[String]>([])

    /// The process's environment and the file that its `CONFIG_FILE` names.
    public convenience init() { self.init(environment: ProcessInfo.processInfo.environment) }

    /// - Parameter yaml: the text of the file; when nil, `CONFIG_FILE` is looked for in the environment.
    public init(environment: [String: String], yaml: String? = nil) {
        self.environment = EnvironmentVariablesProvider(environmentVariables: environment)
        var text = yaml
        var fault: String?
        if text == nil, let path = environment["CONFIG_FILE"], !path.isEmpty {
            text = try? String(contentsOfFile: path, encoding: .utf8)
            if text == nil { fault = "CONFIG_FILE: \(path) cannot be read" }
        }
        do {
            file = try text.flatMap { $0.allSatisfy(\.isWhitespace) ? nil : try ConfigSource.parse($0) }
        } catch {
            file = nil
            fault = "CONFIG_FILE: not the YAML that is expected (\(ConfigSource.oneLine("\(error)")))"
        }
        if let fault { faults.withLock { $0.append(fault) } }
    }

    private static func parse(_ yaml: String) throws -> YAMLSnapshot {
        let bytes = Array(yaml.utf8)
        return try YAMLSnapshot(data: bytes.span.bytes, providerName: "CONFIG_FILE", parsingOptions: .default)
    }

    // MARK: Faults

    /// Notes that a value is bad, in a line that names it.
    public func reject(_ name: String, _ reason: String) {
        let line = ConfigSource.oneLine("\(name): \(reason)")
        faults.withLock { if !$0.contains(line) { $0.append(line) } }
    }

    /// - Throws: everything that was noted.
    public func finish() throws(ConfigurationError) {
        let all = faults.withLock { $0 }
        if !all.isEmpty { throw ConfigurationError(all) }
    }

    private static func oneLine(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 })
    }

    // MARK: Reading

    /// The text of a value, if there is one. An empty one counts as left out, as compose files make them.
    func raw(_ name: String) -> String? {
        if let value = lookup(environment, name), !value.isEmpty { return value }
        if let file, let value = lookup(file, name), !value.isEmpty { return value }
        return nil
    }

    private func lookup(_ provider: EnvironmentVariablesProvider, _ name: String) -> String? {
        guard let result = try? provider.value(forKey: ConfigSource.key(name), type: .string) else { return nil }
        return ConfigSource.text(result)
    }

    private func lookup(_ snapshot: YAMLSnapshot, _ name: String) -> String? {
        do {
            return ConfigSource.text(try snapshot.value(forKey: ConfigSource.key(name), type: .string))
        } catch {
            // A list, where the environment would have its elements between commas.
            guard
                case .stringArray(let values)? = try? snapshot.value(
                    forKey: ConfigSource.key(name), type: .stringArray
                ).value?.content
            else {
                reject(name, "the file has something that is neither a value nor a list of values")
                return nil
            }
            return values.joined(separator: ",")
        }
    }

    private static func key(_ name: String) -> AbsoluteConfigKey { AbsoluteConfigKey([name.lowercased()]) }

    private static func text(_ result: LookupResult) -> String? {
        if case .string(let text)? = result.value?.content { return text }
        return nil
    }

    public func optionalString(_ name: String) -> String? { raw(name) }

    public func string(_ name: String, default standard: String) -> String { raw(name) ?? standard }

    /// A value that has no default.
    public func requiredString(_ name: String) -> String {
        if let value = raw(name) { return value }
        reject(name, "is required")
        return ""
    }

    /// Elements between commas, or a list in the file.
    public func strings(_ name: String, default standard: [String] = []) -> [String] {
        guard let value = raw(name) else { return standard }
        return value.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    /// A value by a rule of the caller's.
    /// - Parameter expected: what to say when the rule returns nil.
    public func value<Value>(
        _ name: String, default standard: Value, expected: String, _ parse: (String) -> Value?
    ) -> Value {
        guard let text = raw(name) else { return standard }
        if let value = parse(text) { return value }
        reject(name, "\(ConfigSource.shown(text)) is not \(expected)")
        return standard
    }

    public func int(
        _ name: String, default standard: Int, in range: ClosedRange<Int> = Int.min...Int.max
    ) -> Int {
        let expected =
            range == Int.min...Int.max
            ? "a whole number" : "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return value(name, default: standard, expected: expected) { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    public func bool(_ name: String, default standard: Bool) -> Bool {
        value(name, default: standard, expected: "true or false") { text in
            switch text.lowercased() {
            case "true", "yes", "on", "1": true
            case "false", "no", "off", "0": false
            default: nil
            }
        }
    }

    /// Such as `250ms`, `10s`, `15m`, `24h`, `7d`.
    public func duration(
        _ name: String, default standard: DurationLimit, in range: ClosedRange<DurationLimit> = "0ms"..."36500d"
    ) -> Duration {
        .milliseconds(milliseconds(name, default: standard, in: range))
    }

    /// The same in milliseconds.
    public func milliseconds(
        _ name: String, default standard: DurationLimit, in range: ClosedRange<DurationLimit> = "0ms"..."36500d"
    ) -> Int64 {
        let expected = "a duration from \(range.lowerBound) to \(range.upperBound), such as 250ms, 10s, 15m, 24h, 7d"
        return value(name, default: standard.milliseconds, expected: expected) { text in
            DurationText.milliseconds(text).flatMap {
                (range.lowerBound.milliseconds...range.upperBound.milliseconds).contains($0) ? $0 : nil
            }
        }
    }

    // MARK: Secrets

    /// A secret, from the variable or from the file that the variable with `_FILE` added names.
    public func optionalSensitive(_ name: String) -> Sensitive<String>? {
        let direct = raw(name)
        guard let path = raw(name + "_FILE") else { return direct.map { Sensitive($0) } }
        if direct != nil {
            reject(name, "is set beside \(name)_FILE")
            return nil
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            reject(name + "_FILE", "\(path) cannot be read")
            return nil
        }
        guard data.count <= 65_536, var text = String(data: data, encoding: .utf8) else {
            reject(name + "_FILE", "\(path) is no text of at most 64 KiB")
            return nil
        }
        while text.last?.isNewline == true { text.removeLast() }
        if text.isEmpty {
            reject(name + "_FILE", "\(path) is empty")
            return nil
        }
        return Sensitive(text)
    }

    public func sensitive(_ name: String, default standard: String) -> Sensitive<String> {
        optionalSensitive(name) ?? Sensitive(standard)
    }

    /// A secret that has no default.
    public func requiredSensitive(_ name: String) -> Sensitive<String> {
        if let value = optionalSensitive(name) { return value }
        reject(name, "is required")
        return Sensitive("")
    }

    /// A value as it stands in a fault: short, and without the credentials of a URL that ended up in the wrong place.
    private static func shown(_ text: String) -> String {
        if text.contains("://") { return "the value" }
        return text.count > 40 ? "\"\(text.prefix(40))…\"" : "\"\(text)\""
    }
}
