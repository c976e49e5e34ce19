import Foundation
import SecurityClient
import StrictJSON

/// A person who can sign in.
struct User: Sendable, Equatable {
    enum Status: String, Sendable { case active, locked, disabled }

    var id: String
    var username: String
    var email: String?
    var status: Status
    var roles: [String]
    /// By policy-service, those that have ended or are to come among them.
    var assigned: [AssignedRole]
    var attributes: JSONObject
    var mustChangePassword: Bool
    var mustEnrol: Bool
    /// The password is too short to be the only factor.
    var passwordIsShort: Bool
    var hasFactor: Bool
    /// A temporary password ends here (ms).
    var passwordExpiresAt: Int64?
    var sessionEpoch: Int64
    var createdAt: Int64
    var updatedAt: Int64
}

/// What a sign-in reads: the user with the hash of her password.
struct Credentials: Sendable {
    var user: User
    var passwordHash: PasswordHash?
}

/// Usernames: shown as given, unique by a canonical key, so that no two look or compare the same.
enum Username {
    /// The key of a name; nil when it is none. After compatibility normalisation and case folding (in the manner of
    /// RFC 8265 section 3.3) only ASCII letters, digits and `. _ - @ +` are left, 2 to 64, beginning with a letter or digit.
    static func key(_ text: String) -> String? {
        guard text.utf8.count <= 256 else { return nil }
        let folded = text.precomposedStringWithCompatibilityMapping.lowercased()
        let bytes = Array(folded.utf8)
        guard (2...64).contains(bytes.count), let first = bytes.first, isAlphanumeric(first) else { return nil }
        guard bytes.allSatisfy({ isAlphanumeric($0) || marks.contains($0) }) else { return nil }
        return folded
    }

    private static let marks = Set(".-_@+".utf8)

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

/// When an account may be used for nothing but its own set-up.
enum Enrolment {
    /// A second factor is due: a role asks for one, or the password is too short to stand alone, and there is none.
    static func isDue(hasFactor: Bool, isPrivileged: Bool, passwordIsShort: Bool, isForced: Bool) -> Bool {
        !hasFactor && (isPrivileged || passwordIsShort || isForced)
    }
}
