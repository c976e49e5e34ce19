import APISecurity
import EventBus
import Foundation
import SecurityClient
import ServiceKit

/// What policy-service can be told beside what its HTTP server and SecurityClient read. `docs/policy-service.md` has the
/// table.
struct PolicyServiceConfiguration: Sendable {
    /// `iss` of every statement about policies and entities.
    var issuer: String
    /// Where clients reach this service, for its metadata.
    var publicURL: String
    var databaseURL: Sensitive<String>
    var stateDirectory: String
    var keyFile: String
    /// The set that is activated when there is none yet.
    var policiesDirectory: String
    /// The catalogue of roles when there is none yet.
    var rolesFile: String
    var kafka: KafkaConfiguration
    /// Milliseconds.
    var outboxRetention: Int64
    /// How long a key signs statements, milliseconds.
    var statementKeyLifetime: Int64
    /// Whether an activation takes another person's approval.
    var fourEyes: Bool
    /// Which requests forward-auth lets ask for what; nil lets nothing through.
    var forwardAuthRoutesFile: String?
    var forwardAuthCertificate: ForwardAuthRequest.CertificateHeader
    /// Names this replica in leases.
    var replica: String
    /// What `/openapi.json` serves; nil when the file is not there.
    var openAPIFile: String?

    /// Bad values are noted at `source`.
    init(_ source: ConfigSource) {
        let stateDirectory = source.string("STATE_DIR", default: ".local/state/policy-service")
        self.stateDirectory = stateDirectory
        let file = URL(fileURLWithPath: stateDirectory).standardizedFileURL.appendingPathComponent("policy-service.db")
        databaseURL = source.sensitive("DATABASE_URL", default: "sqlite://\(file.path)")
        issuer = source.string("POLICY_ISSUER", default: "policy-service")
        let url = source.string("PUBLIC_URL", default: "http://127.0.0.1:7002")
        publicURL = url.hasSuffix("/") ? String(url.dropLast()) : url
        keyFile = source.string("SEALING_KEY_FILE", default: "\(stateDirectory)/sealing.keys")
        policiesDirectory = source.string("POLICIES_DIR", default: "policies")
        rolesFile = source.string("ROLES_FILE", default: "deploy/config/roles.yaml")
        kafka = KafkaConfiguration(source, clientID: Outboxes.service)
        outboxRetention = source.milliseconds("OUTBOX_RETENTION", default: "7d", in: "15m"..."90d")
        statementKeyLifetime = source.milliseconds("STATEMENT_KEY_LIFETIME", default: "90d", in: "1h"..."365d")
        fourEyes = source.bool("FOUR_EYES", default: true)
        let routes = "deploy/config/forward-auth.json"
        forwardAuthRoutesFile =
            source.optionalString("FORWARD_AUTH_ROUTES_FILE")
            ?? (FileManager.default.isReadableFile(atPath: routes) ? routes : nil)
        forwardAuthCertificate = source.value(
            "FORWARD_AUTH_CERTIFICATE", default: .none, expected: "none, thumbprint, pem or envoy",
            ForwardAuthRequest.CertificateHeader.init(rawValue:))
        replica = source.string("REPLICA", default: UUID().uuidString.lowercased())
        let document = source.string("OPENAPI_FILE", default: "docs/openapi/policy-service.yaml")
        openAPIFile = FileManager.default.isReadableFile(atPath: document) ? document : nil
    }
}
