/// Prometheus' text exposition format, version 0.0.4.
enum PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    static func write(_ families: [MetricsRegistry.Family]) -> String {
        var text = ""
        text.reserveCapacity(16_384)
        for family in families {
            if !family.help.isEmpty { text += "# HELP \(family.name) \(escapeHelp(family.help))\n" }
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for (labels, series) in family.series { write(family.name, labels, series, to: &text) }
        }
        return text
    }

    private static func write(
        _ name: String, _ labels: [(String, String)], _ series: MetricsRegistry.Series, to text: inout String
    ) {
        switch series {
        case .counter(let counter): text += "\(name)\(format(labels)) \(counter.value)\n"
        case .gauge(let gauge): text += "\(name)\(format(labels)) \(number(gauge.value))\n"
        case .callback(let read):
            if let value = read() { text += "\(name)\(format(labels)) \(number(value))\n" }
        case .histogram(let histogram):
            let cumulative = histogram.cumulative
            for (bound, count) in zip(histogram.bounds, cumulative) {
                text += "\(name)_bucket\(format(labels + [("le", number(bound))])) \(count)\n"
            }
            let total = cumulative.last ?? 0
            text += "\(name)_bucket\(format(labels + [("le", "+Inf")])) \(total)\n"
            text += "\(name)_sum\(format(labels)) \(number(histogram.sum))\n"
            text += "\(name)_count\(format(labels)) \(total)\n"
        }
    }

    static func format(_ labels: [(String, String)]) -> String {
        guard !labels.isEmpty else { return "" }
        return "{" + labels.map { "\($0.0)=\"\(escapeLabel($0.1))\"" }.joined(separator: ",") + "}"
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return value.description
    }

    static func escapeLabel(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 == 0x5C || $0 == 0x22 || $0 == 0x0A }) else { return value }
        var result = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    static func escapeHelp(_ value: String) -> String {
        var result = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`
    static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x3A: true
            default: false
            }
        }
    }
}
