import NIOCore

/// How a hot request is answered: once, by `answer` or `passOn`, on the event loop that it came on. One that is let go
/// of goes the ordinary way.
package final class HotReply {
    private var connection: LeanPath?
    private let turn: UInt64

    init(_ connection: LeanPath, turn: UInt64) {
        self.connection = connection
        self.turn = turn
    }

    package func answer(_ answer: HotAnswer) {
        let connection = connection
        self.connection = nil
        connection?.answer(answer, turn: turn)
    }

    /// Lets the ordinary path answer, as if this one had never seen the request.
    package func passOn() {
        let connection = connection
        self.connection = nil
        connection?.passOn(turn: turn)
    }

    deinit { connection?.passOn(turn: turn) }
}
