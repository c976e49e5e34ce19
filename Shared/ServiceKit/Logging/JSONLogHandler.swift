import Contracts
import Logging
import StrictJSON

/// Writes each event as one line of JSON: `{"ts","level","service","msg",...}` and the metadata, secrets taken out.
struct JSONLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel: Logger.Level
    private let service: String
    private let label: String
    private let sink: any LogSink
    private let clock: @Sendable () -> Int64

    /// - Parameter clock: milliseconds since the epoch.
    init(
        service: String, label: String, level: Logger.Level, sink: any LogSink, clock: @escaping @Sendable () -> Int64
    ) {
        self.service = service
        self.label = label
        logLevel = level
        self.sink = sink
        self.clock = clock
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var merged = metadata
        if let provided = metadataProvider?.get() { merged.merge(provided) { $1 } }
        if let own = event.metadata { merged.merge(own) { $1 } }
        if let error = event.error, merged["error"] == nil { merged["error"] = "\(error)" }
        sink.write(line(event.level, "\(event.message)", merged))
    }

    private func line(_ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata) -> [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.beginObject()
        json.key("ts")
        json.string(RFC3339.string(milliseconds: clock()))
        json.key("level")
        json.string(level.rawValue)
        json.key("service")
        json.string(service)
        if label != service {
            json.key("logger")
            json.string(label)
        }
        json.key("msg")
        json.string(Redaction.scrub(message))
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) where !JSONLogHandler.reserved.contains(key) {
            json.key(Redaction.scrub(key))
            JSONLogHandler.write(value, named: key, to: &json)
        }
        json.endObject()
        var bytes = json.bytes
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    /// Ours, and Hummingbird's own request id, beside which ours is the one to follow.
    private static let reserved: Set<String> = ["ts", "level", "service", "logger", "msg", "hb.request.id"]

    private static func write(_ value: Logger.MetadataValue, named key: String, to json: inout JSONWriter) {
        if Redaction.isSecret(key: key) {
            json.string(Redaction.mark)
            return
        }
        switch value {
        case .string(let text): json.string(Redaction.scrub(text))
        case .stringConvertible(let number as any BinaryInteger):
            if let small = Int64(exactly: number) { json.int(small) } else { json.string("\(number)") }
        case .stringConvertible(let flag as Bool): json.bool(flag)
        case .stringConvertible(let other): json.string(Redaction.scrub("\(other)"))
        case .array(let values):
            json.beginArray()
            for value in values { write(value, named: key, to: &json) }
            json.endArray()
        case .dictionary(let values):
            json.beginObject()
            for (key, value) in values.sorted(by: { $0.key < $1.key }) {
                json.key(Redaction.scrub(key))
                write(value, named: key, to: &json)
            }
            json.endObject()
        }
    }
}
