import ArgumentParser
import Foundation
import StrictJSON

struct LoginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login", abstract: "Sign in; the refresh token is kept in a file that only you can read.",
        discussion: "Where standard input is no terminal, name, password and code are read from it, one a line.")

    @Option(help: "Where token-service is.")
    var url = "http://127.0.0.1:7001"

    @Option(help: "User name; asked for when not given.")
    var username: String?

    @Option(
        help: ArgumentHelp(
            "Authorities in PEM that sign the service's certificate, remembered; else JTS_CA_FILE, else the system's.",
            valueName: "file"))
    var caFile: String?

    func run() async throws {
        // Later commands run in other folders.
        let authorities = caFile.map { URL(fileURLWithPath: $0).standardizedFileURL.path }
        try await API.with(url, caFile: authorities) { api in
            let name = try username ?? Console.ask("User name")
            let password = try Console.ask("Password", hidden: true)
            var answer = try await api.call(
                "POST", "/v1/login", .json(["username": .string(name), "password": .string(password)]))
            if answer.status == 202, let pending = answer.json["mfa_token"]?.string {
                let code = try Console.ask("Code of your authenticator, or a recovery code", hidden: true)
                let digits = code.utf8.allSatisfy { (48...57).contains($0) } && code.utf8.count <= 8
                answer = try await api.call(
                    "POST", "/v1/login/mfa",
                    .json(["mfa_token": .string(pending), digits ? "code" : "recovery_code": .string(code)]))
            }
            guard let token = try answer.expecting(200)["refresh_token"]?.string else {
                throw CommandFault.unavailable("the answer holds no refresh token")
            }
            try await Credentials.locked {
                try Credentials(url: url, refreshToken: token, caFile: authorities).save()
            }
            Console.print("signed in as \(Console.printable(name))")
        }
    }
}

struct LogoutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logout", abstract: "End the session here and at the service.")

    func run() async throws {
        // RFC 7009: whoever holds the refresh token may end its session.
        try await Credentials.locked {
            let credentials = try Credentials.load()
            try await API.with(credentials.url, caFile: credentials.caFile) { api in
                _ = try await api.call("POST", "/oauth2/revoke", .form([("token", credentials.refreshToken)]))
                    .expecting(200)
            }
            Credentials.remove()
        }
        Console.print("signed out")
    }
}
