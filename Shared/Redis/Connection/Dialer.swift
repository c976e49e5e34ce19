import NIOCore
import NIOPosix
import NIOSSL

/// Makes connections that are ready for commands: TCP, TLS, AUTH, SELECT.
struct Dialer: Sendable {
    enum Peer: Sendable {
        case data
        case sentinel
    }

    let configuration: RedisConfiguration
    private let tls: Result<NIOSSLContext?, RedisError>

    init(_ configuration: RedisConfiguration) {
        self.configuration = configuration
        tls = Dialer.tlsContext(configuration)
    }

    /// Connects; `completion` runs on `eventLoop`, and this has to be called there.
    func dial(
        _ address: RedisAddress, as peer: Peer, on eventLoop: any EventLoop,
        _ completion: @escaping (Result<(RedisChannelHandler, ServerSection), RedisError>) -> Void
    ) {
        let context: NIOSSLContext?
        switch tls {
        case .success(let value): context = value
        case .failure(let error): return completion(.failure(error))
        }
        ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(configuration.connectTimeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                guard let context else { return channel.eventLoop.makeSucceededVoidFuture() }
                return channel.eventLoop.makeCompletedFuture {
                    // RFC 6066 section 3: an address is no server name; it is checked against the certificate's.
                    let isName = (try? SocketAddress(ipAddress: address.host, port: 0)) == nil
                    let handler = try NIOSSLClientHandler(context: context, serverHostname: isName ? address.host : nil)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .connect(host: address.host, port: address.port)
            .assumeIsolated()
            .whenComplete { result in
                switch result {
                case .success(let channel): greet(channel, as: peer, completion)
                case .failure(let error): completion(.failure(.unavailable("\(address): \(Dialer.reason(error))")))
                }
            }
    }

    /// Asks one server something over a connection of its own.
    func ask(
        _ command: [RedisArgument], at address: RedisAddress, as peer: Peer, on eventLoop: any EventLoop
    ) -> EventLoopFuture<RESPValue> {
        let promise = eventLoop.makePromise(of: RESPValue.self)
        eventLoop.execute {
            dial(address, as: peer, on: eventLoop) { result in
                switch result {
                case .success((let handler, _)):
                    handler.send(command, .callback { promise.completeWith($0.mapError { $0 as any Error }) })
                    handler.retire(.closed)
                case .failure(let error): promise.fail(error)
                }
            }
        }
        return promise.futureResult
    }

    private func greet(
        _ channel: any Channel, as peer: Peer,
        _ completion: @escaping (Result<(RedisChannelHandler, ServerSection), RedisError>) -> Void
    ) {
        let handler: RedisChannelHandler
        do {
            handler = try RedisChannelHandler(
                timeout: TimeAmount(configuration.timeout), limits: configuration.replyLimits)
            try channel.pipeline.syncOperations.addHandler(handler)
        } catch {
            channel.close(promise: nil)
            return completion(.failure(.unavailable("\(error)")))
        }
        let handshake = handshake(with: peer)
        let commands = handshake.commands
        var replies: [RESPValue] = []
        var failure: RedisError?
        var answered = 0
        for command in commands {
            handler.send(
                command,
                .callback { result in
                    switch result {
                    case .success(let reply): replies.append(reply)
                    // Nothing that counts has been sent yet.
                    case .failure(let error): failure = failure ?? .unavailable(error.reason)
                    }
                    answered += 1
                    guard answered == commands.count else { return }
                    do throws(RedisError) {
                        if let failure { throw failure }
                        completion(.success((handler, try handshake.judge(replies))))
                    } catch {
                        handler.close(error)
                        completion(.failure(error))
                    }
                })
        }
    }

    private func handshake(with peer: Peer) -> Handshake {
        switch peer {
        case .data:
            Handshake(
                username: configuration.username, password: configuration.password,
                clientName: configuration.clientName, database: configuration.database)
        case .sentinel:
            Handshake(
                username: configuration.sentinelUsername, password: configuration.sentinelPassword,
                clientName: configuration.clientName, database: nil)
        }
    }

    /// NIO's error lists every address tried with all that it knows; the first one's reason says enough.
    private static func reason(_ error: any Error) -> String {
        guard let error = error as? NIOConnectionError else { return "\(error)" }
        if let first = error.connectionErrors.first { return "\(first.error)" }
        return "\(error.dnsAError ?? error.dnsAAAAError ?? error)"
    }

    private static func tlsContext(_ configuration: RedisConfiguration) -> Result<NIOSSLContext?, RedisError> {
        guard configuration.isTLS else { return .success(nil) }
        do {
            var settings = TLSConfiguration.makeClientConfiguration()
            settings.minimumTLSVersion = .tlsv12
            if let file = configuration.caFile { settings.trustRoots = .file(file) }
            if let file = configuration.certificateFile {
                settings.certificateChain = try NIOSSLCertificate.fromPEMFile(file).map { .certificate($0) }
            }
            if let file = configuration.keyFile {
                settings.privateKey = .privateKey(try NIOSSLPrivateKey(file: file, format: .pem))
            }
            return .success(try NIOSSLContext(configuration: settings))
        } catch {
            return .failure(.configuration("TLS for Redis: \(error)"))
        }
    }
}
