import Logging
import StrictJSON
import Testing

@testable import ServiceKit

private let webToken = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw"

@Suite struct RedactionTests {
    @Test(arguments: [
        "password", "new_password", "clientSecret", "X-Api-Token", "set-cookie", "Authorization", "refresh_token",
        "mfaToken", "recovery_codes", "otp", "private_key", "apiKey", "client_assertion", "kek_seed", "DPoP",
    ]) func secretsByName(_ key: String) throws {
        let line = try logged("m", [key: "hunter2", "nested": [key: ["hunter2"]]])
        #expect(line[key]?.string == "<redacted>")
        #expect(!line.encodedString().contains("hunter2"))
    }

    @Test(arguments: ["token_type", "status_code", "error_code", "session", "route", "password_age", "keyring"])
    func namesThatHoldNone(_ key: String) throws {
        #expect(try logged("m", [key: "visible"])[key]?.string == "visible")
    }

    @Test(arguments: [
        "refused \(webToken) today", "Authorization: Bearer abcdefghijklmnop", "DPoP abcdefghijklmnop",
        "Basic dXNlcjpodW50ZXIy", "jrt_1.abcdef.ghijkl", "bearer \(webToken)", "a=\(webToken)",
        "redis://user:hunter2@localhost:6379/0", "postgres://u:p@ss@host/db", "\(webToken).x.y",
    ]) func secretsByTheirLook(_ text: String) throws {
        let line = try logged("\(text)", ["error": "\(text)", "list": ["\(text)"]]).encodedString()
        #expect(line.contains("<redacted>"))
        for secret in ["eyJ", "abcdefghijklmnop", "dXNlcjpodW50ZXIy", "jrt_1", "hunter2", "p@ss"] {
            #expect(!line.contains(secret), "\(secret) in \(line)")
        }
    }

    @Test(arguments: [
        "GET https://host/path?x=1 took 3 ms", "bears and basics", "eye.of.storm", "they.are.here", "1/2 = 0.5",
        "key 7f3a-22 rotated", "mail to a@b.example",
    ]) func textsWithoutSecretsStay(_ text: String) throws { #expect(try logged("\(text)")["msg"]?.string == text) }

    @Test func sensitiveValuesPrintAsNothing() throws {
        struct Settings { var url = Sensitive("hunter2") }
        #expect("\(Sensitive("hunter2"))" == "<redacted>")
        #expect(!"\(Settings())".contains("hunter2"))
        #expect(!String(reflecting: Settings()).contains("hunter2"))
        var text = ""
        dump(Settings(), to: &text)
        #expect(!text.contains("hunter2"))
        #expect(Sensitive("hunter2").exposed == "hunter2")
    }
}
