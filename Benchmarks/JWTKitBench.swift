import JOSE

#if canImport(JWTKit)
    import Foundation
    import JWTKit

    /// jwt-kit on the same tokens and the same machine, in the same run.
    enum JWTKitBench {
        private struct Payload: JWTPayload {
            var iss: IssuerClaim
            var sub: SubjectClaim
            var aud: AudienceClaim
            var exp: ExpirationClaim
            var iat: IssuedAtClaim
            var jti: IDClaim
            var scope: String
            var amr: [String]
            var acr: String
            var sid: String
            var roles: [String]
            var permissions: [String]
            var email: String

            func verify(using algorithm: some JWTAlgorithm) async throws {
                try exp.verifyNotExpired()
                try aud.verifyIntendedAudience(includes: "jts")
            }
        }

        static func run(_ report: inout Report, key: SigningKey, tokens: [String], ours: [Double]) async throws {
            let keys = JWTKeyCollection()
            let pem = """
                -----BEGIN PRIVATE KEY-----
                \(Data(try key.pkcs8DER()).base64EncodedString(options: .lineLength64Characters))
                -----END PRIVATE KEY-----
                """
            await keys.add(
                rsa: try Insecure.RSA.PrivateKey(pem: pem), digestAlgorithm: .sha256, kid: .init(string: key.keyID))
            var verified: [Double] = []
            var signed: [Double] = []
            var oursSigned: [Double] = []
            for _ in ours {
                // Its key collection is an actor: wall-clock time, as the work wanders over threads.
                var start = ContinuousClock.now
                var payload: Payload?
                for token in tokens.prefix(400) { payload = try await keys.verify(token, as: Payload.self) }
                verified.append((ContinuousClock.now - start) / .microseconds(1) / 400)
                guard let payload else { return }
                start = ContinuousClock.now
                for _ in 0..<200 { _ = try await keys.sign(payload, kid: .init(string: key.keyID)) }
                signed.append((ContinuousClock.now - start) / .microseconds(1) / 200)
                start = ContinuousClock.now
                for number in 0..<200 {
                    _ = try JWT.sign(payload: VerifierBench.payload(number), with: key, type: "at+jwt")
                }
                oursSigned.append((ContinuousClock.now - start) / .microseconds(1) / 200)
            }
            report.add("TokenVerifier: new token against jwt-kit", "µs", ours, limit: verified, goal: nil)
            report.add("JOSE: signing against jwt-kit", "µs", oursSigned, limit: signed, goal: nil)
        }
    }
#else
    /// `make bench` builds with jwt-kit; without it there is nothing to compare.
    enum JWTKitBench {
        static func run(_ report: inout Report, key: SigningKey, tokens: [String], ours: [Double]) async throws {}
    }
#endif
