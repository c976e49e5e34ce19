import ArgumentParser
import StrictJSON

struct MFACommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mfa", abstract: "Your second factor.", subcommands: [Enrol.self])

    struct Enrol: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Enrol an authenticator: shows a QR code, asks for a code, prints the recovery codes once.")
        @OptionGroup var format: OutputOptions

        func run() async throws {
            try await SignedIn.run { service in
                let path = "/v1/users/me/totp"
                let pending = try await service.call("POST", path, .json([:])).expecting(201)
                guard let uri = pending["otpauth_uri"]?.string, let secret = pending["secret"]?.string else {
                    throw CommandFault.unavailable("the answer holds no secret")
                }
                if format.output == .text {
                    if let picture = QRCode.terminal(uri) { Console.print(picture) }
                    Console.print("secret, where the picture cannot be read: \(Console.printable(secret))")
                } else {
                    Console.print(JSONValue.object(["otpauth_uri": .string(uri)]).encodedString())
                }
                let code = try Console.ask("Code that the authenticator shows", hidden: true)
                let json = try await service.call("POST", path + "/confirm", .json(["code": .string(code)]))
                    .expecting(200)
                if format.output == .json { return Console.print(json.encodedString()) }
                Console.print("recovery codes; each counts once, and they are not shown again:")
                for code in json["recovery_codes"]?.strings ?? [] { Console.print("  \(Console.printable(code))") }
                Console.print("sign in again to use all your rights")
            }
        }
    }
}
