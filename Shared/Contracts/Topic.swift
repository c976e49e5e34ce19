/// The Kafka topics of the security foundation. `docs/asyncapi.yaml` describes each with its fields.
package enum Topic: String, Sendable, CaseIterable {
    /// Revocations of sessions, subjects and signing keys: what every verifier must know within seconds.
    case sessionRevoked = "security.session-revoked"
    /// Changes of the token-signing keys.
    case keyRotated = "security.key-rotated"
    /// What everybody who decides must know: policy sets that were activated, entities that changed.
    case policyChanged = "security.policy-changed"
    /// Results of scans.
    case scanCompleted = "security.scan-completed"
    /// Everything auditable. One partition: its order is the order of the record.
    case securityEvents = "security.events"
}
