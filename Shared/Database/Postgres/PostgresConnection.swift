import CPostgres

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One session with a PostgreSQL server, used by one thread at a time. Every wait has an end, whatever the server does.
final class PostgresConnection {
    private let connection: OpaquePointer
    private let statementTimeout: Duration
    /// Longer while a migration runs.
    var timeoutOverride: Duration?

    private struct Prepared {
        let name: String
        let placeholders: Int
    }
    private var prepared: [String: Prepared] = [:]
    private var preparedCount = 0
    private static let preparedLimit = 512

    /// Connects. Blocks for `options.connectTimeout` at most, not counting the resolution of the host's name.
    init(uri: String, options: DatabaseOptions) throws(StatementFailure) {
        let settings: [(String, String)] = [
            // What stands before `dbname` the URL may override; what follows it is ours.
            ("tcp_user_timeout", "10000"), ("keepalives_idle", "10"), ("keepalives_interval", "5"),
            ("keepalives_count", "3"), ("fallback_application_name", options.applicationName), ("dbname", uri),
            ("client_encoding", "UTF8"),
        ]
        let started = withCStrings(settings.map(\.0)) { keywords in
            withCStrings(settings.map(\.1)) { values in PQconnectStartParams(keywords, values, 1) }
        }
        guard let started else { throw StatementFailure(error: .unavailable("out of memory")) }
        connection = started
        statementTimeout = options.statementTimeout
        PQsetNoticeProcessor(connection, { _, _ in }, nil)
        try finishConnecting(by: .now + options.connectTimeout)
        try configure()
    }

    deinit { PQfinish(connection) }

    var isUsable: Bool { PQstatus(connection) == CONNECTION_OK }

    /// Runs a statement without arguments, such as BEGIN. Returns its command tag.
    @discardableResult
    func command(_ sql: String) throws(StatementFailure) -> String {
        try exchange { PQsendQuery(connection, sql) }.command
    }

    // MARK: - Setting up

    private func finishConnecting(by deadline: ContinuousClock.Instant) throws(StatementFailure) {
        var next = PGRES_POLLING_WRITING
        while true {
            switch next {
            case PGRES_POLLING_OK:
                guard PQsetnonblocking(connection, 1) == 0 else { throw lost(message) }
                return
            case PGRES_POLLING_READING: try wait(for: Int16(POLLIN), until: deadline, "connecting")
            case PGRES_POLLING_WRITING: try wait(for: Int16(POLLOUT), until: deadline, "connecting")
            default: throw lost(message)
            }
            next = PQconnectPoll(connection)
        }
    }

    /// The server keeps the same bounds by itself; a durable commit is not left to its configuration.
    private func configure() throws(StatementFailure) {
        guard parameter("server_encoding") == "UTF8" else {
            throw StatementFailure(error: .configuration("the PostgreSQL database is not encoded in UTF8"))
        }
        let timeout = statementTimeout.inMilliseconds
        try command(
            "SET statement_timeout = \(timeout); SET lock_timeout = \(timeout); "
                + "SET idle_in_transaction_session_timeout = \(timeout * 4); "
                + "SET bytea_output = hex; SET extra_float_digits = 1; SET standard_conforming_strings = on; "
                + "SELECT set_config('synchronous_commit', 'on', false) "
                + "WHERE current_setting('synchronous_commit') = 'off'")
    }

    private func parameter(_ name: String) -> String? {
        PQparameterStatus(connection, name).map { String(cString: $0) }
    }

    // MARK: - Waiting

    /// Sends, and reads results until the server is ready again. The first failure counts.
    private func exchange(_ send: () -> Int32) throws(StatementFailure) -> PostgresResult {
        guard send() == 1 else { throw isUsable ? StatementFailure(error: .sql(message)) : lost(message) }
        // The server stops a statement first, so that what it says is known.
        let deadline = ContinuousClock.now + (timeoutOverride ?? statementTimeout) + .seconds(1)
        try flush(until: deadline)
        var answer: PostgresResult?
        while true {
            while PQisBusy(connection) == 1 {
                // The TLS layer may hold data of which the socket knows nothing more: so look there, too, now and then.
                try wait(for: Int16(POLLIN), until: deadline, "answering", atMost: 50)
                guard PQconsumeInput(connection) == 1 else { throw lost(message) }
            }
            guard let pointer = PQgetResult(connection) else { break }
            let result = PostgresResult(pointer)
            if answer?.failed != true { answer = result }
            // COPY would never come to an end here.
            if result.status == PGRES_COPY_IN || result.status == PGRES_COPY_OUT || result.status == PGRES_COPY_BOTH {
                throw abandon(.sql("COPY is not supported"))
            }
        }
        guard isUsable else { throw lost(answer?.failure.error.description ?? message) }
        guard let answer else { throw lost("no answer") }
        if answer.failed { throw answer.failure }
        return answer
    }

    private func flush(until deadline: ContinuousClock.Instant) throws(StatementFailure) {
        while true {
            let pending = PQflush(connection)
            if pending == 0 { return }
            guard pending == 1 else { throw lost(message) }
            let events = try wait(for: Int16(POLLIN | POLLOUT), until: deadline, "reading", atMost: 50)
            if events & Int16(POLLIN) != 0, PQconsumeInput(connection) != 1 { throw lost(message) }
        }
    }

    /// Waits for the socket; returns 0 after `milliseconds` in which nothing happened, and throws at the deadline.
    @discardableResult
    private func wait(
        for events: Int16, until deadline: ContinuousClock.Instant, _ action: String,
        atMost milliseconds: Int32 = .max
    ) throws(StatementFailure) -> Int16 {
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { throw abandon(.timeout("the server was not \(action) in time")) }
            var descriptor = pollfd(fd: PQsocket(connection), events: events, revents: 0)
            guard descriptor.fd >= 0 else { throw lost("no socket") }
            let ready = poll(&descriptor, 1, min(Int32(clamping: left.inMilliseconds + 1), milliseconds))
            if ready > 0 { return descriptor.revents }
            if ready < 0, errno != EINTR { throw lost("poll failed") }
            if ready == 0, left.inMilliseconds >= milliseconds { return 0 }
        }
    }

    private(set) var isAbandoned = false

    /// Gives the connection up in the middle of something.
    private func abandon(_ error: DatabaseError) -> StatementFailure {
        isAbandoned = true
        return StatementFailure(error: error, connectionLost: true)
    }

    private func lost(_ text: String) -> StatementFailure {
        abandon(.unavailable(text.split(separator: "\n").joined(separator: " ")))
    }

    private var message: String { PQerrorMessage(connection).map { String(cString: $0) } ?? "" }
}

extension PostgresConnection: StatementRunner {
    func run(_ sql: String, _ arguments: [SQLValue]) throws(StatementFailure) -> StatementResult {
        let encoded = PostgresArguments(arguments)
        let statement = try prepare(sql, encoded)
        let result = try exchange {
            encoded.withPointers { values, lengths, formats in
                PQsendQueryPrepared(
                    connection, statement.name, Int32(arguments.count), values, lengths, formats, 0)
            }
        }
        return try result.statementResult()
    }

    /// Prepared once a session, by text and types of the arguments.
    private func prepare(_ sql: String, _ arguments: PostgresArguments) throws(StatementFailure) -> Prepared {
        let key = arguments.signature + " " + sql
        if let known = prepared[key] { return known }
        let (text, placeholders) = SQLText.numberingPlaceholders(in: sql)
        guard placeholders == arguments.types.count else {
            throw StatementFailure(
                error: .sql("\(arguments.types.count) arguments for \(placeholders) placeholders"))
        }
        if prepared.count >= Self.preparedLimit { try forgetPrepared() }
        preparedCount += 1
        let statement = Prepared(name: "s\(preparedCount)", placeholders: placeholders)
        _ = try exchange {
            PQsendPrepare(connection, statement.name, text, Int32(arguments.types.count), arguments.types)
        }
        prepared[key] = statement
        return statement
    }

    /// To be called when the server and we may differ about what is prepared.
    func forgetPrepared() throws(StatementFailure) {
        prepared = [:]
        try command("DEALLOCATE ALL")
    }
}

/// Calls `body` with a null-terminated array of C strings.
private func withCStrings<R>(_ strings: [String], _ body: ([UnsafePointer<CChar>?]) -> R) -> R {
    var copies = strings.map { UnsafePointer(strdup($0)) } as [UnsafePointer<CChar>?]
    copies.append(nil)
    defer { for copy in copies { free(UnsafeMutablePointer(mutating: copy)) } }
    return body(copies)
}
