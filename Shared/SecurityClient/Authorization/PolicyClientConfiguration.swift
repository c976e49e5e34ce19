import EventBus
import Logging
import ServiceKit

/// Where policies come from. `docs/trading-services.md` has the table.
public struct PolicyClientConfiguration: Sendable {
    /// policy-service, as it is reached from here; nil: nothing is decided here.
    public var url: String?
    /// `iss` of its statements.
    public var issuer: String
    /// A file with the keys that sign statements (JWKS); nil: they are fetched from policy-service.
    public var jwksFile: String?
    /// Where the last good policies are kept for a start without policy-service; nil: nowhere.
    public var cacheDirectory: String?
    /// From when on policies count as stale.
    public var staleAfter: Duration
    /// How often the bundles are asked for although no event tells of new ones.
    public var refreshEvery: Duration

    /// Notes bad values in `source`, whose `finish()` throws them.
    public init(_ source: ConfigSource) {
        url = source.optionalString("POLICY_SERVICE_URL").map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        issuer = source.string("POLICY_ISSUER", default: "policy-service")
        jwksFile = source.optionalString("POLICY_JWKS_FILE")
        cacheDirectory = source.optionalString("POLICY_CACHE_DIR")
        staleAfter = source.duration("POLICY_STALE_AFTER", default: "15m", in: "1s"..."15m")
        refreshEvery = source.duration("POLICY_REFRESH", default: "30s", in: "1s"..."5m")
    }
}

extension PolicyClientConfiguration {
    /// The keys that sign statements: those of the file, or as policy-service publishes them.
    /// - Throws: when the file cannot be read.
    func keys(at url: String, transport: HTTPTransport, logger: Logger) throws -> any VerificationKeys {
        if let jwksFile { return try PinnedKeys(jwksFile, logger: logger) }
        var options = RemoteJWKS.Options()
        options.keptIn = cacheDirectory.map { PolicyFiles.keys(in: $0) }
        return RemoteJWKS(url: url + "/.well-known/jwks.json", options: options, transport: transport, logger: logger)
    }
}
