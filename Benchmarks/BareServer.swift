import Hummingbird
import Logging
import NIOCore

/// What the hot endpoints are measured against: one `POST` route that reads the body and answers with as many bytes as
/// asked for, on Hummingbird as it comes.
enum BareServer {
    static func run(port: Int) async throws {
        let router = Router()
        router.post("/bare/{size}") { request, context in
            let size = try context.parameters.require("size", as: Int.self)
            _ = try await request.body.collect(upTo: 1 << 20)
            return Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: .init(byteBuffer: ByteBuffer(repeating: UInt8(ascii: "x"), count: size)))
        }
        var logger = Logger(label: "bare")
        logger.logLevel = .error
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)), logger: logger)
        try await application.runService()
    }
}
