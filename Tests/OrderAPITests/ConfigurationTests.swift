import ServiceKit
import TestSupport
import Testing

@testable import OrderAPI

@Suite struct ConfigurationTests {
    @Test func ordersStandInTheStateDirectory() throws {
        let source = ConfigSource(environment: ["STATE_DIR": "/var/lib/orders"])
        let configuration = OrderConfiguration(source)
        try source.finish()
        #expect(configuration.databaseURL.exposed == "sqlite:///var/lib/orders/order-api.db")
        #expect(configuration.outboxRetention == .seconds(7 * 86_400))
        // A relative one counts from where the process runs.
        let relative = OrderConfiguration(ConfigSource(environment: ["STATE_DIR": "orders"]))
        #expect(relative.databaseURL.exposed.hasPrefix("sqlite:///"))
        #expect(relative.databaseURL.exposed.hasSuffix("/orders/order-api.db"))
    }

    @Test func aBadValueIsNamed() throws {
        let source = ConfigSource(environment: ["OUTBOX_RETENTION": "soon", "KAFKA_SECURITY_PROTOCOL": "smoke"])
        _ = OrderConfiguration(source)
        let error = #expect(throws: ConfigurationError.self) { try source.finish() }
        let names = error?.faults.compactMap { $0.split(separator: ":").first.map(String.init) } ?? []
        #expect(Set(names) == ["OUTBOX_RETENTION", "KAFKA_SECURITY_PROTOCOL"])
    }

    @Test func aMissingInterfaceIsLeftOut() throws {
        let folder = try TemporaryDirectory("jts-orders")
        let missing = OrderConfiguration(ConfigSource(environment: ["OPENAPI_FILE": folder.file("none.yaml")]))
        #expect(try missing.openAPI(quiet) == nil)
        let path = try folder.write("openapi: 3.1.0\n", to: "some.yaml")
        let present = OrderConfiguration(ConfigSource(environment: ["OPENAPI_FILE": path]))
        #expect(try present.openAPI(quiet).map { String(decoding: $0, as: UTF8.self) } == #"{"openapi":"3.1.0"}"#)
    }
}
