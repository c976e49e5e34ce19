/// What an answer's `Cache-Control` says of its age (RFC 9111 section 5.2.2).
enum CacheControl {
    /// Seconds for which the answer may be used; nil when it does not say. `no-store` and `no-cache` are no seconds.
    static func maxAge(_ header: String) -> Int64? {
        var age: Int64?
        for part in header.split(separator: ",") {
            let directive = part.trimming(while: { $0 == " " || $0 == "\t" }).lowercased()
            if directive == "no-store" || directive == "no-cache" { return 0 }
            guard directive.hasPrefix("max-age=") else { continue }
            var value = directive.dropFirst("max-age=".count)
            // Quotes are wrong here and to be expected (RFC 9111 section 5.2).
            if value.count >= 2, value.first == "\"", value.last == "\"" { value = value.dropFirst().dropLast() }
            guard !value.isEmpty, value.allSatisfy({ $0.isASCII && $0.isNumber }) else { continue }
            let seconds = Int64(value) ?? .max
            age = min(age ?? .max, seconds)
        }
        return age
    }
}

extension Substring {
    fileprivate func trimming(while predicate: (Character) -> Bool) -> Substring {
        var rest = drop(while: predicate)
        while let last = rest.last, predicate(last) { rest.removeLast() }
        return rest
    }
}
