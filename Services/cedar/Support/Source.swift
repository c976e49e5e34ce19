import Cedar
import Foundation
import StrictJSON

/// A text and where it came from.
struct Source {
    /// A path, `<stdin>`, or the option that held it.
    let name: String
    let text: String
    /// Where each line begins, in bytes: texts may have very many mistakes.
    private let lines: [Int]

    init(name: String, text: String) {
        self.name = name
        self.text = text
        lines = [0] + text.utf8.enumerated().lazy.filter { $0.element == UInt8(ascii: "\n") }.map { $0.offset + 1 }
    }

    /// Reads a file as a whole; it may be a pipe.
    init(file path: String) throws(Fault) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Fault("cannot read \(path): \(Descriptor.reason())") }
        defer { close(descriptor) }
        try self.init(name: path) { try Descriptor.read(descriptor, upTo: $0) }
    }

    init(standardInput terminal: any Terminal) throws(Fault) {
        try self.init(name: "<stdin>") { try terminal.read(upTo: $0) }
    }

    /// Reads a file, or standard input where there is none.
    init(_ path: String?, _ terminal: any Terminal) throws(Fault) {
        if let path { try self.init(file: path) } else { try self.init(standardInput: terminal) }
    }

    private init(name: String, reading read: (Int) throws -> [UInt8]) throws(Fault) {
        let limit = Limits().maximumBytes
        var bytes: [UInt8] = []
        do {
            while case let part = try read(1 << 16), !part.isEmpty {
                bytes += part
                guard bytes.count <= limit else { throw Descriptor.Failure(reason: "longer than \(limit) bytes") }
            }
        } catch {
            throw Fault("cannot read \(name): \((error as? Descriptor.Failure)?.reason ?? "\(error)")")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Fault("cannot read \(name): it is not UTF-8")
        }
        self.init(name: name, text: text)
    }
}

extension Source {
    /// `name:line:column`, or the name alone.
    func place(of diagnostic: Diagnostic) -> String {
        diagnostic.range.map { "\(name):\(position(of: $0.lower))" } ?? name
    }

    /// The JSON document that it is.
    func json() throws(Fault) -> JSONValue {
        do throws(JSONParseError) {
            return try JSONValue(parsing: text, limits: Limits().json)
        } catch {
            let range = SourceRange(error.offset, error.offset + 1)
            throw Fault(Diagnostics(Diagnostic("no JSON: \(error.reason.rawValue)", at: range)), in: self)
        }
    }
}

extension Source {
    /// Where a byte stands, for people: `line` and `column` count from 1, columns in Unicode scalars.
    struct Position: CustomStringConvertible {
        let line: Int
        let column: Int
        var description: String { "\(line):\(column)" }
    }

    func position(of offset: Int) -> Position {
        let offset = min(max(offset, 0), text.utf8.count)
        var (low, high) = (0, lines.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if lines[middle] <= offset { low = middle } else { high = middle }
        }
        let bytes = text.utf8
        let start = bytes.index(bytes.startIndex, offsetBy: lines[low])
        let before = bytes[start..<bytes.index(bytes.startIndex, offsetBy: offset)]
        return Position(line: low + 1, column: 1 + before.reduce(0) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 })
    }
}

extension Source {
    /// Replaces a file as a whole: a reader sees what was there or the new text.
    static func write(_ text: String, to path: String) throws(Fault) {
        // A link is to stay one: what it points to is replaced.
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        var status = stat()
        let mode = stat(target, &status) == 0 ? status.st_mode & 0o777 : 0o644
        let temporary = target + ".\(getpid())"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw Fault("cannot write \(path): \(Descriptor.reason())") }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try handle.write(contentsOf: Data(text.utf8))
            try handle.synchronize()
            try handle.close()
        } catch {
            unlink(temporary)
            throw Fault("cannot write \(path): \(error.localizedDescription)")
        }
        guard rename(temporary, target) == 0 else {
            let reason = Descriptor.reason()
            unlink(temporary)
            throw Fault("cannot write \(path): \(reason)")
        }
    }
}
