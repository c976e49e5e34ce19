import ArgumentParser
import Foundation
import JOSE
import StrictJSON

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Look into a token, or verify it.",
        subcommands: [DecodeCommand.self, VerifyCommand.self])
}

/// The token as an argument, or from standard input, where other processes cannot see it.
struct TokenArgument: ParsableArguments {
    @Argument(help: "The token; read from standard input when not given.")
    var token: String?

    /// - Returns: the bytes as they came, less one line end.
    func read() throws -> [UInt8] {
        if let token { return Array(token.utf8) }
        var bytes = [UInt8](try FileHandle.standardInput.read(upToCount: 1 << 20) ?? Data())
        while bytes.count < 1 << 20, let more = try FileHandle.standardInput.read(upToCount: 1 << 16), !more.isEmpty {
            bytes.append(contentsOf: more)
        }
        if bytes.last == 10 { bytes.removeLast() }
        if bytes.last == 13 { bytes.removeLast() }
        guard !bytes.isEmpty else { throw CommandFault.usage("no token given") }
        return bytes
    }
}

struct DecodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode", abstract: "Show header and claims without verifying anything.")

    @OptionGroup var input: TokenArgument

    func run() async throws {
        do {
            let jws = try CompactJWS(parsing: try input.read())
            var shown: JSONObject = ["header": .object(jws.header.raw), "verified": false]
            shown["payload"] =
                (try? JSONValue(parsing: jws.payload)) ?? .string(Base64URL.encode(jws.payload))
            Console.print(JSONValue.object(shown).encodedString())
        } catch let error as JOSEError {
            throw CommandFault.refused(Console.printable(error.description))
        }
    }
}

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Verify a token against a JWK Set.",
        discussion: "Exit status: 0 verified, 1 refused with the reason on standard error, 2 wrong use.")

    @OptionGroup var input: TokenArgument

    @Option(help: ArgumentHelp("The JWK Set (RFC 7517 section 5).", valueName: "file"))
    var jwks: String

    @Option(help: "What iss must be.")
    var issuer: String?

    @Option(help: "What aud must contain.")
    var audience: String?

    @Flag(help: "Verify the signature alone, whatever the payload is.")
    var signatureOnly = false

    func validate() throws {
        if signatureOnly, issuer != nil || audience != nil {
            throw ValidationError("--signature-only leaves claims unchecked: it excludes --issuer and --audience")
        }
    }

    func run() async throws {
        guard let data = FileManager.default.contents(atPath: jwks) else {
            throw CommandFault.usage("cannot read \(jwks)")
        }
        let set: JWKSet
        do { set = try JWKSet(parsing: [UInt8](data)) } catch {
            throw CommandFault.usage("\(jwks): \(Console.printable(error.description))")
        }
        let token = try input.read()
        do {
            let jws = try CompactJWS(parsing: token)
            try jws.verify(with: set)
            if !signatureOnly {
                let claims = try JWTClaims(payload: jws.payload)
                try claims.validate(issuer: issuer, audience: audience, now: Int64(Date().timeIntervalSince1970))
            }
        } catch {
            throw CommandFault.refused("refused: \(Console.printable(error.description))")
        }
        Console.print("verified")
    }
}
