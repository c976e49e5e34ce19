import Logging
import SecurityClient
import StrictJSON

/// Asks token-service with this service's own account, which needs `users:read`.
struct TokenServicePeople: PeopleDirectory {
    let calls: ServiceCalls
    let logger: Logger

    func person(_ subject: String) async throws(PeopleUnavailable) -> Person? {
        // Subjects are identifiers: anything else would name another resource.
        guard !subject.isEmpty, subject != ".", subject != "..", subject.utf8.allSatisfy(Self.isUnreserved) else {
            return nil
        }
        let answer: ServiceCalls.Answer
        do {
            answer = try await calls.get("/v1/users/\(subject)")
        } catch {
            logger.warning("a person could not be looked up", metadata: ["error": "\(error)"])
            throw PeopleUnavailable()
        }
        switch answer.status {
        case 200:
            guard let roles = (try? JSONValue(parsing: answer.body))?["roles"]?.strings else {
                logger.error("what token-service says of a person cannot be read")
                throw PeopleUnavailable()
            }
            return Person(roles: roles)
        case 400, 404: return nil
        default:
            logger.warning("a person could not be looked up", metadata: ["status": "\(answer.status)"])
            throw PeopleUnavailable()
        }
    }

    /// RFC 3986 section 2.3.
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
