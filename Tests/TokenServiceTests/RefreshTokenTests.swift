import Crypto
import Testing

@testable import TokenService

@Suite struct RefreshTokenTests {
    let key = ChainKey(SymmetricKey(data: [UInt8](repeating: 7, count: 32)))
    let session = SessionID(subject: "u1", random: [UInt8](repeating: 3, count: 16))

    @Test func itComesBackAsItWas() throws {
        let token = RefreshToken(session: session, generation: 0xdead_beef, subject: "u1")
        let text = token.encoded(key)
        #expect(text.hasPrefix("jrt_"))
        #expect(RefreshToken(text, key: key) == token)
    }

    @Test func itSaysWhoseSessionItIs() throws {
        for length in [1, 2, 3, 26, 64] {
            let subject = String(repeating: "s", count: length)
            let text = RefreshToken(session: session, generation: 1, subject: subject).encoded(key)
            #expect(RefreshToken(text, key: key)?.subject == subject)
        }
        for subject in ["", String(repeating: "s", count: 65)] {
            let text = RefreshToken(session: session, generation: 1, subject: subject).encoded(key)
            #expect(RefreshToken(text, key: key) == nil)
        }
        #expect(
            RefreshToken(session: session, generation: 1, subject: "u2").encoded(key)
                != RefreshToken(session: session, generation: 1, subject: "u1").encoded(key))
    }

    @Test func successorsAreComputable() {
        let first = RefreshToken(session: session, generation: 4, subject: "u1").encoded(key)
        #expect(RefreshToken(session: session, generation: 4, subject: "u1").encoded(key) == first)
        #expect(RefreshToken(session: session, generation: 5, subject: "u1").encoded(key) != first)
    }

    @Test func everyAlteredCharacterIsRefused() {
        let text = Array(RefreshToken(session: session, generation: 1, subject: "u1").encoded(key))
        for index in text.indices {
            var altered = text
            altered[index] = altered[index] == "A" ? "B" : "A"
            #expect(RefreshToken(String(altered), key: key) == nil, "position \(index)")
        }
        #expect(RefreshToken(String(text.dropLast()), key: key) == nil)
        #expect(RefreshToken(String(text) + "A", key: key) == nil)
        #expect(RefreshToken("", key: key) == nil)
    }

    @Test func anotherKeyRefusesIt() {
        let text = RefreshToken(session: session, generation: 1, subject: "u1").encoded(key)
        #expect(RefreshToken(text, key: ChainKey(SymmetricKey(data: [UInt8](repeating: 8, count: 32)))) == nil)
    }

    @Test func sessionIDsHaveOneForm() {
        let text = session.description
        #expect(SessionID(text) == session)
        #expect(SessionID("+" + text.dropFirst()) == nil)
        #expect(SessionID(text.uppercased()) == nil || text.uppercased() == text)
        #expect(SessionID("ff" + text.dropFirst(2)) == nil)
        #expect(session.tag == SessionID.tag(of: "u1"))
    }
}
