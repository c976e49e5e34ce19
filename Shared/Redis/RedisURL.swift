import Foundation

/// Where a Redis node listens.
package struct RedisAddress: Sendable, Hashable, CustomStringConvertible {
    package let host: String
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// `host`, `host:port` or `[IPv6]:port`.
    init(_ text: Substring, defaultPort: Int) throws(RedisError) {
        let host: Substring
        var rest: Substring
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
        } else {
            let end = text.firstIndex(of: ":") ?? text.endIndex
            host = text[..<end]
            rest = text[end...]
        }
        guard !host.isEmpty else { throw .configuration("the Redis URL names no host") }
        self.host = String(host)
        guard !rest.isEmpty else {
            port = defaultPort
            return
        }
        guard rest.removeFirst() == ":", let port = Int(rest), (1...65_535).contains(port) else {
            throw .configuration("the Redis URL has a bad port")
        }
        self.port = port
    }
}

extension RedisConfiguration {
    /// - `redis://[user:password@]host[:port][/database]`
    /// - `redis+sentinel://[user:password@]host[:port],…/master-name[?db=n]`
    /// - `redis+cluster://[user:password@]host[:port],…`
    ///
    /// and each with `rediss` for TLS. Credentials are percent-encoded and meant for the data nodes.
    /// - Throws: `.configuration`, which never shows the URL: it may hold a password.
    package init(url: String) throws(RedisError) {
        guard let separator = url.range(of: "://") else { throw .configuration("the Redis URL has no scheme") }
        var scheme = String(url[..<separator.lowerBound])
        var rest = url[separator.upperBound...]
        let isTLS = scheme == "rediss" || scheme.hasPrefix("rediss+")
        if isTLS { scheme.remove(at: scheme.index(scheme.startIndex, offsetBy: 5)) }

        let query = try RedisConfiguration.split(&rest, at: "?")
        var credentials: Substring?
        if let at = rest.lastIndex(of: "@") {
            credentials = rest[..<at]
            rest = rest[rest.index(after: at)...]
        }
        let path = try RedisConfiguration.split(&rest, at: "/") ?? ""
        var database = try RedisConfiguration.database(query)

        switch scheme {
        case "redis":
            self.init(topology: .standalone(try RedisAddress(rest, defaultPort: 6379)))
            if !path.isEmpty { database = try RedisConfiguration.number(path) }
        case "redis+sentinel":
            guard !path.isEmpty, let name = String(path).removingPercentEncoding else {
                throw .configuration("the Redis URL names no master")
            }
            self.init(
                topology: .sentinel(nodes: try RedisConfiguration.nodes(rest, defaultPort: 26_379), master: name))
        case "redis+cluster":
            guard path.isEmpty, database == nil else { throw .configuration("a Redis Cluster has one database only") }
            self.init(topology: .cluster(seeds: try RedisConfiguration.nodes(rest, defaultPort: 6379)))
        default:
            throw .configuration("the Redis URL has an unknown scheme")
        }
        self.isTLS = isTLS
        self.database = database ?? 0
        if let credentials { try takeCredentials(credentials) }
    }

    /// `user:password`, `:password` or `user` alone, which Redis would not understand.
    private mutating func takeCredentials(_ text: Substring) throws(RedisError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let user = String(parts[0]).removingPercentEncoding,
            let password = String(parts[1]).removingPercentEncoding, !password.isEmpty
        else { throw .configuration("the Redis URL's credentials are not user:password, percent-encoded") }
        username = user.isEmpty ? nil : user
        self.password = password
    }

    /// Cuts `text` before the separator and returns what followed it.
    private static func split(_ text: inout Substring, at separator: Character) throws(RedisError) -> Substring? {
        guard let index = text.firstIndex(of: separator) else { return nil }
        defer { text = text[..<index] }
        return text[text.index(after: index)...]
    }

    private static func database(_ query: Substring?) throws(RedisError) -> Int? {
        guard let query else { return nil }
        guard query.hasPrefix("db=") else { throw .configuration("the Redis URL has an unknown parameter") }
        return try number(query.dropFirst(3))
    }

    private static func number(_ text: Substring) throws(RedisError) -> Int {
        guard let number = Int(text), (0..<16_384).contains(number) else {
            throw .configuration("the Redis URL has a bad database number")
        }
        return number
    }

    private static func nodes(_ text: Substring, defaultPort: Int) throws(RedisError) -> [RedisAddress] {
        var nodes: [RedisAddress] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            nodes.append(try RedisAddress(part, defaultPort: defaultPort))
        }
        return nodes
    }
}
