import APISecurity
import EventBus
import Foundation
import Logging
import SecurityClient
import ServiceKit

/// What order-api can be told beside what its HTTP server and SecurityClient read. `docs/order-api.md` has the table.
struct OrderConfiguration: Sendable {
    var databaseURL: Sensitive<String>
    var kafka: KafkaConfiguration
    /// How long events are kept after they were published, to be published again when the broker loses its state.
    var outboxRetention: Duration
    /// What a unit of a symbol counts for against limits when an order names no price.
    var referencePrice: Double
    private var openAPIFile: String

    /// Bad values are noted at `source`.
    init(_ source: ConfigSource) {
        let folder = source.string("STATE_DIR", default: ".local/state/order-api")
        let file = URL(fileURLWithPath: folder).appendingPathComponent("order-api.db").path
        databaseURL = source.sensitive("DATABASE_URL", default: "sqlite://\(file)")
        kafka = KafkaConfiguration(source, clientID: OrderEvents.service)
        outboxRetention = source.duration("OUTBOX_RETENTION", default: "7d", in: "15m"..."90d")
        referencePrice = Double(source.int("REFERENCE_PRICE", default: 1, in: 1...1_000_000))
        openAPIFile = source.string("OPENAPI_FILE", default: "docs/openapi/order-api.yaml")
    }

    /// What `/openapi.json` serves; nil, with a line in the log, when the file is not there.
    func openAPI(_ logger: Logger) throws -> [UInt8]? {
        guard FileManager.default.fileExists(atPath: openAPIFile) else {
            logger.notice("no /openapi.json: the file is missing", metadata: ["file": "\(openAPIFile)"])
            return nil
        }
        return try OpenAPIDocument.load(path: openAPIFile)
    }
}
