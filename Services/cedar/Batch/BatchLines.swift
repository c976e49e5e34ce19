import Cedar
import StrictJSON

/// Lines of standard input, each of which is answered by one line.
struct BatchLines {
    let terminal: any Terminal
    /// Of a line, in bytes.
    static let maximumLine = 64 << 20

    init(_ terminal: any Terminal) { self.terminal = terminal }

    /// Answers each line as soon as it is read. What cannot be processed is answered with `{"error"}`.
    func answer(_ body: (JSONValue) throws(Fault) -> JSONValue) throws(Fault) {
        var line: [UInt8] = []
        var isTooLong = false
        func end() {
            respond(isTooLong ? nil : line, body)
            line.removeAll(keepingCapacity: line.count < 1 << 20)
            isTooLong = false
        }
        while true {
            let part: [UInt8]
            do { part = try terminal.read(upTo: 1 << 16) } catch {
                throw Fault("cannot read <stdin>: \((error as? Descriptor.Failure)?.reason ?? "\(error)")")
            }
            if part.isEmpty { break }
            var rest = part[...]
            while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
                line += rest[..<newline]
                end()
                rest = rest[(newline + 1)...]
            }
            line += rest
            if line.count > Self.maximumLine {
                isTooLong = true
                line.removeAll()
            }
        }
        if !line.isEmpty || isTooLong { end() }
    }

    private func respond(_ line: [UInt8]?, _ body: (JSONValue) throws(Fault) -> JSONValue) {
        let answer: JSONValue
        if let line {
            do throws(Fault) {
                answer = try body(try json(line))
            } catch {
                answer = ["error": .string(error.summary)]
            }
        } else {
            answer = ["error": "longer than \(Self.maximumLine) bytes"]
        }
        terminal.write(answer.encoded() + [UInt8(ascii: "\n")])
    }

    private func json(_ line: [UInt8]) throws(Fault) -> JSONValue {
        do throws(JSONParseError) {
            return try JSONValue(parsing: line, limits: Limits().json)
        } catch {
            throw Fault("no JSON: \(error)")
        }
    }
}

extension JSONValue {
    /// A path that a line of a batch has to have.
    func path(_ key: String) throws(Fault) -> String {
        guard let path = self[key]?.string else { throw Fault("`\(key)` is no path") }
        return path
    }

    /// A path that may be null or missing.
    func optionalPath(_ key: String) throws(Fault) -> String? {
        guard let value = self[key], !value.isNull else { return nil }
        return try path(key)
    }
}
