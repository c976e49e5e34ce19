import HummingbirdCore
import Logging
import NIOCore

/// Lets a connection in when the gate has a place for it.
struct GatedChannel<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    let gate: ConnectionGate

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        do {
            try gate.admit(channel)
        } catch {
            // At once and without ceremony: an answer would cost what there is too little of.
            channel.close(promise: nil)
            return channel.eventLoop.makeFailedFuture(error)
        }
        return base.setup(channel: channel, logger: logger)
    }

    func handle(value: Base.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}
