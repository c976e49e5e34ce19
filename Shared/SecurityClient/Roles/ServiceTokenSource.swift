import ServiceKit

/// Where a service has its own access token from: of the token endpoint, or of its own making.
package protocol ServiceTokenSource: Sendable {
    func token() async throws(ServiceToken.Failure) -> Sensitive<String>

    /// What was given out is not taken any more.
    func forget()
}

extension ServiceToken: ServiceTokenSource {}

extension PolicyClientConfiguration {
    /// Notes in `source` when tokens would travel to policy-service in the clear, to another machine.
    package func checkTransport(_ source: ConfigSource) {
        guard let url, !url.hasPrefix("https://"), !HTTPURI.isLoopback(url),
            !source.bool("ALLOW_INSECURE_HTTP", default: false)
        else { return }
        source.reject(
            "POLICY_SERVICE_URL",
            "is http to another machine: https is required (or ALLOW_INSECURE_HTTP=true within a trusted network)")
    }
}
