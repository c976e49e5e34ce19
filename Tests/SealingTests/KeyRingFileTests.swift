import Foundation
import Sealing
import TestSupport
import Testing

@Suite struct KeyRingFileTests {
    @Test func makesAFileForItsOwnerAlone() throws {
        try inFolder { folder in
            let path = folder + "/kek"
            #expect(throws: SealingError.keyFileMissing) {
                try KeyEncryptionKeyRing.load(fromFile: path, createIfMissing: false)
            }
            let made = try KeyEncryptionKeyRing.load(fromFile: path, createIfMissing: true)
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["kek"])

            let sealed = try Sealer(made).seal([1, 2], context: "c")
            let read = try KeyEncryptionKeyRing.load(fromFile: path, createIfMissing: true)
            #expect(try Sealer(read).open(sealed, context: "c") == [1, 2])
            #expect(Sealer(read).derive(label: "x") == Sealer(made).derive(label: "x"))
        }
    }

    @Test(arguments: [0o644, 0o640, 0o660, 0o604, 0o602, 0o610])
    func refusesAFileOpenToOthers(mode: Int) throws {
        try inFolder { folder in
            let path = folder + "/kek"
            _ = try KeyEncryptionKeyRing.load(fromFile: path, createIfMissing: true)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            #expect(throws: SealingError.keyFileExposed) {
                try KeyEncryptionKeyRing.load(fromFile: path, createIfMissing: true)
            }
            // Read-only for the owner, as a mounted secret is, will do.
            try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: path)
            _ = try KeyEncryptionKeyRing.load(fromFile: path, createIfMissing: false)
        }
    }

    @Test func refusesLinksFoldersAndPipes() throws {
        try inFolder { folder in
            _ = try KeyEncryptionKeyRing.load(fromFile: folder + "/kek", createIfMissing: true)
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/link", withDestinationPath: folder + "/kek")
            #expect(mkfifo(folder + "/pipe", 0o600) == 0)
            for name in ["/link", "/pipe", ""] {
                #expect(throws: SealingError.keyFileExposed) {
                    try KeyEncryptionKeyRing.load(fromFile: folder + name, createIfMissing: false)
                }
            }
        }
    }

    /// Only root may give a file away; elsewhere there is nothing to try.
    @Test(.enabled(if: geteuid() == 0)) func refusesAFileOfSomebodyElse() throws {
        try inFolder { folder in
            let path = folder + "/kek"
            _ = try KeyEncryptionKeyRing.load(fromFile: path, createIfMissing: true)
            #expect(chown(path, 1, 1) == 0)
            #expect(throws: SealingError.keyFileExposed) {
                try KeyEncryptionKeyRing.load(fromFile: path, createIfMissing: true)
            }
        }
    }

    @Test func refusesWhatIsNoRing() throws {
        try inFolder { folder in
            let path = folder + "/kek"
            _ = try KeyEncryptionKeyRing.load(fromFile: path, createIfMissing: true)
            let good = try String(contentsOfFile: path, encoding: .utf8)
            let lines = good.split(separator: "\n").map(String.init)
            #expect(lines.count == 4)
            var bad = ["", "garbage", String(good.dropFirst()), good + "key k1 " + lines[1].dropFirst(5) + "\n"]
            bad += [good.replacing("primary k1", with: "primary k2"), good.replacing("jts-key-ring 1", with: "x 2")]
            for missing in 1..<4 {
                bad.append(lines.enumerated().filter { $0.offset != missing }.map(\.element).joined(separator: "\n"))
            }
            bad.append(String(lines[1].dropLast()) + "\n")
            bad.append(good.replacing(lines[1], with: String(lines[1].dropLast())))
            bad.append(good.replacing(lines[1], with: String(lines[1].dropLast()) + "g"))
            bad.append(good + "unknown thing\n")
            bad.append(good + lines[1] + "\n")
            for text in bad {
                #expect(FileManager.default.createFile(atPath: path, contents: Data(text.utf8)))
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
                let error = #expect(throws: SealingError.self, "\(text.prefix(12))… of \(text.count)") {
                    try KeyEncryptionKeyRing.load(fromFile: path, createIfMissing: true)
                }
                guard case .keyFileMalformed = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                #expect(!"\(String(describing: error))".contains(lines[1].suffix(8)))
            }
        }
    }

    @Test func processesThatStartTogetherAgreeOnOneRing() async throws {
        try await inFolder { folder in
            let keys = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        let ring = try KeyEncryptionKeyRing.load(fromFile: folder + "/kek", createIfMissing: true)
                        return Sealer(ring).derive(label: "x").withUnsafeBytes { Data($0).base64EncodedString() }
                    }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(keys.count == 1)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["kek"])
        }
    }

    @Test func changesOfTheRingDoNotOverwriteEachOther() async throws {
        try await inFolder { folder in
            let path = folder + "/kek"
            _ = try KeyEncryptionKeyRing.load(fromFile: path, createIfMissing: true)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 2..<12 {
                    group.addTask {
                        try KeyEncryptionKeyRing.update(file: path) { ring throws(SealingError) in
                            try ring.adding(id: "k\(index)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            let ring = try KeyEncryptionKeyRing.load(fromFile: path, createIfMissing: false)
            #expect(Set(ring.keyIDs) == Set((1..<12).map { "k\($0)" }))
            #expect(ring.primaryID == "k1")
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test func aRingDoesNotPrintItsKeys() throws {
        try inFolder { folder in
            let ring = try KeyEncryptionKeyRing.load(fromFile: folder + "/kek", createIfMissing: true)
            var dumped = ""
            dump(ring, to: &dumped)
            let file = try String(contentsOfFile: folder + "/kek", encoding: .utf8)
            for word in file.split(whereSeparator: \.isWhitespace) where word.count == 64 {
                #expect(!"\(ring)\(dumped)\(String(reflecting: ring))".contains(word))
            }
            #expect("\(ring)" == "KeyEncryptionKeyRing(k1, primary k1)")
            #expect(!dumped.contains("SymmetricKey"))
        }
    }
}

private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = try TemporaryDirectory("jts-sealing")
    try withExtendedLifetime(folder) { try body(folder.path) }
}

private func inFolder(_ body: (String) async throws -> Void) async throws {
    let folder = try TemporaryDirectory("jts-sealing")
    defer { withExtendedLifetime(folder) {} }
    try await body(folder.path)
}
