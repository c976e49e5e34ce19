import Contracts
import Foundation
import StrictJSON
import TestSupport
import Testing

@testable import SecurityClient

/// `docs/trading-services.md` says what is.
@Suite struct DocumentTests {
    private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    private static let root = tests.deletingLastPathComponent().deletingLastPathComponent()

    private func page() throws -> String {
        try String(contentsOf: Self.root.appending(path: "docs/trading-services.md"), encoding: .utf8)
    }

    private func blocks(_ language: String) throws -> [String] {
        try page().components(separatedBy: "```\(language)\n").dropFirst()
            .compactMap { $0.components(separatedBy: "\n```").first }
    }

    @Test func itsSwiftIsThatOfACompiledFile() throws {
        let source = try String(contentsOf: Self.tests.appending(path: "DocumentedService.swift"), encoding: .utf8)
        let lines = Set(source.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) })
        let swift = try blocks("swift")
        #expect(swift.count == 2)
        for line in swift.joined(separator: "\n").split(separator: "\n") {
            #expect(lines.contains(line.trimmingCharacters(in: .whitespaces)), "\(line)")
        }
    }

    @Test func itsTableNamesWhatIsRead() throws {
        let folder = Self.root.appending(path: "Shared/SecurityClient/Configuration")
        let source = try String(
            contentsOf: folder.appending(path: "SecurityClientConfiguration.swift"), encoding: .utf8)
        let read = Set(source.matches(of: /source(?:\.\w+\(|, )"([A-Z_]+)"/).map { String($0.1) })
        #expect(read.count > 12)
        let described = Set(try page().matches(of: /`([A-Z][A-Z_]+)`/).map { String($0.1) })
        #expect(read.subtracting(described) == [])
    }

    /// What it shows for other languages understands what this project publishes.
    @Test(.enabled(if: ["/usr/bin/node", "/usr/local/bin/node"].contains(where: FileManager.default.isExecutableFile)))
    func itsJavaScriptRefusesWhatIsRevoked() async throws {
        let now: Int64 = 1_800_000_000_000
        let revocations = [
            Revocation(target: .session(id: "s-1", subject: "usr_1"), reason: "logout", at: now),
            Revocation(target: .subject(id: "usr_2", before: now, effect: .claimsChanged), reason: "admin", at: now),
            Revocation(target: .subject(id: "usr_2", before: now - 9, effect: .sessionsEnded), reason: "x", at: now),
            Revocation(target: .signingKey(id: "k-1"), reason: "key_compromised", at: now),
        ]
        let code = try #require(try blocks("js").first)
        let messages = revocations.map { revocation in
            let data = JSONValue.string(revocation.json().encodedString()).encodedString()
            return "r.apply(0, {ce_type: Buffer.from('\(revocation.eventType)')}, Buffer.from(\(data)));"
        }
        let heartbeat =
            "r.apply(0, {ce_type: 'org.jts.outbox.heartbeat'}, '{\"watermark_ms\":\(now),\"last_sequence\":4}');"
        let questions = """
            const t = (sid, sub, iat_ms, kid) => r.isRevoked({ sid, sub, iat_ms, iat: Math.floor(iat_ms / 1000), kid });
            const answers = [
              t('s-1', 'usr_1', \(now + 5), 'k-2'), t('s-2', 'usr_1', \(now), 'k-2'), t('s-3', 'usr_2', \(now), 'k-2'),
              t('s-3', 'usr_2', \(now + 1), 'k-2'), t('s-2', 'usr_1', \(now), 'k-1'),
              r.isFresh(1, \(now + 4999)), r.isFresh(1, \(now + 5000)), r.isFresh(2, \(now)),
            ];
            r.forget(\(now + 960_001));
            answers.push(r.isRevoked({ sid: 's-1', sub: 'usr_1', iat: \(now / 1000), kid: 'k-2' }), r.subjects.size === 0);
            console.log(JSON.stringify(answers));
            """
        let folder = try TemporaryDirectory("jts-docs")
        let script = try folder.write(
            ([code, "const r = new Revocations();"] + messages + [heartbeat, questions]).joined(separator: "\n"),
            to: "feed.cjs")
        let outcome = try await ChildProcess.run("node", [script], within: .seconds(30))
        #expect(
            outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
                == "[true,false,true,false,true,true,false,false,false,true]", "\(outcome.errors)")
    }
}
