import Crypto
import StrictJSON
import Synchronization
import TestSupport

/// Somebody who trades with a password alone.
struct Trader: Sendable {
    let username: String
    let password: String
}

/// A load: each client signs in, refreshes, uses its tokens and logs out, again and again, and goes on trying tokens of
/// sessions that it has ended. Everything is recorded and nothing judged.
struct Clients: Sendable {
    let traders: [Trader]
    let pool: ClientPool
    let orders: TestHTTP?
    /// Credentials for introspection.
    let introspector: (id: String, secret: String)
    /// Refreshes in a round.
    var turns = 2
    /// Between two acts of one client, milliseconds.
    var pause = 500...1_500
    /// How long a client asks for the same thing again. Below the time within which a repeated refresh is answered alike.
    var patience: Duration = .seconds(8)

    let recorder = Recorder()

    /// Runs until `recorder.stop`.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for index in traders.indices {
                group.addTask {
                    var client = Client(index: index, load: self)
                    // Not all at the same moment.
                    try? await Task.sleep(for: .milliseconds(20 * index))
                    while !recorder.isStopped { await client.round() }
                }
            }
        }
    }
}

/// Where clients write what happened.
final class Recorder: Sendable {
    private struct State {
        var record = Record()
        var isStopped = false
    }
    private let began = ContinuousClock.now
    private let state = Mutex(State())

    /// Time since the beginning of the record.
    var now: Duration { time(.now) }
    func time(_ instant: ContinuousClock.Instant) -> Duration { instant - began }

    var record: Record { state.withLock { $0.record } }
    var isStopped: Bool { state.withLock { $0.isStopped } }
    func stop() { state.withLock { $0.isStopped = true } }

    func note(_ client: Int, sentAt: ContinuousClock.Instant, _ happening: Happening) {
        let entry = Entry(client: client, sentAt: time(sentAt), answeredAt: now, happening: happening)
        state.withLock { $0.record.entries.append(entry) }
    }
}

/// One client: what it holds, and its acts.
private struct Client {
    struct Held {
        let session: String
        var access: String
        var refresh: String
    }

    let index: Int
    let load: Clients
    /// Tokens of sessions that this client has ended.
    private var ghosts: [Held] = []
    private var rounds = 0

    init(index: Int, load: Clients) {
        self.index = index
        self.load = load
    }

    mutating func round() async {
        rounds += 1
        let began = ContinuousClock.now
        guard var held = await signIn() else { return await rest() }
        for turn in 0..<load.turns {
            await rest()
            if load.recorder.isStopped { return }
            await use(held)
            guard let next = await refresh(held, repeating: (index + rounds + turn).isMultiple(of: 3)) else { return }
            held = next
        }
        await rest()
        await use(held)
        guard await logOut(held) else { return }
        load.recorder.note(index, sentAt: began, .completedRound)
        ghosts.append(held)
        if ghosts.count > 8 { ghosts.removeFirst() }
        await use(held)
        for ghost in ghosts.shuffled().prefix(3) { await use(ghost) }
    }

    private func rest() async {
        try? await Task.sleep(for: .milliseconds(Int.random(in: load.pause)))
    }

    // MARK: - Acts

    private func signIn() async -> Held? {
        let trader = load.traders[index]
        let reply = await load.pool.ask(
            first: index + rounds, "POST", "/v1/login",
            json: ["username": .string(trader.username), "password": .string(trader.password)],
            patience: load.patience)
        guard let answer = settled(reply, .signIn) else { return nil }
        guard answer.status == 200, let session = try? TestPerson.Session(answer) else {
            unexpected(reply, .signIn, answer.status)
            return nil
        }
        load.recorder.note(index, sentAt: reply.sentAt, .signedIn(session: session.sessionID))
        return Held(session: session.sessionID, access: session.access, refresh: session.refresh)
    }

    /// - Parameter repeating: sends the same request once more, to the other replica, as a client does whose answer got
    ///   lost.
    private func refresh(_ held: Held, repeating: Bool) async -> Held? {
        let form = ["grant_type": "refresh_token", "refresh_token": held.refresh]
        let reply = await load.pool.ask(
            first: index, "POST", "/oauth2/token", form: form, patience: load.patience)
        guard let answer = settled(reply, .refresh) else { return nil }
        guard let next = noteSuccessor(answer, reply, held, .refresh) else { return nil }
        if repeating {
            // Not insisted on for long: past the grace period it would rightly count as a replay.
            let second = await load.pool.ask(
                first: index + 1, "POST", "/oauth2/token", form: form, patience: .seconds(1))
            if let answer = settled(second, .repeatedRefresh) {
                _ = noteSuccessor(answer, second, held, .repeatedRefresh)
            }
        }
        return next
    }

    private func noteSuccessor(
        _ answer: TestHTTP.Answer, _ reply: ClientPool.Reply, _ held: Held, _ act: Act
    ) -> Held? {
        switch answer.status {
        case 200:
            guard let access = answer.json["access_token"]?.string, let refresh = answer.json["refresh_token"]?.string
            else { break }
            load.recorder.note(
                index, sentAt: reply.sentAt,
                .refreshed(
                    session: held.session, presented: Self.digest(held.refresh), successor: Self.digest(refresh)))
            return Held(session: held.session, access: access, refresh: refresh)
        case 400 where answer.json["error"]?.string == "invalid_grant":
            load.recorder.note(index, sentAt: reply.sentAt, .refreshRefused(session: held.session))
            return nil
        default: break
        }
        unexpected(reply, act, answer.status)
        return nil
    }

    private func use(_ held: Held) async {
        if let orders = load.orders {
            let sent = ContinuousClock.now
            let answer = try? await orders.call("GET", "/v1/orders", token: held.access, timeout: .seconds(4))
            note(answer?.status, held, .orderAPI, sent: sent, good: answer?.status == 200, bad: answer?.status == 401)
        }
        let replica = Int.random(in: load.pool.replicas.indices)
        let sent = ContinuousClock.now
        let answer = try? await load.pool.replicas[replica].call(
            "POST", "/oauth2/introspect", form: ["token": held.access],
            basic: (load.introspector.id, load.introspector.secret), timeout: .seconds(4))
        let isActive = answer?.status == 200 ? answer?.json["active"]?.bool : nil
        note(
            answer?.status, held, .introspection(replica: replica), sent: sent, good: isActive == true,
            bad: isActive == false)
    }

    private func note(
        _ status: Int?, _ held: Held, _ verifier: Verifier, sent: ContinuousClock.Instant, good: Bool, bad: Bool
    ) {
        let act = verifier == .orderAPI ? Act.use : .introspect
        let happening: Happening =
            if good {
                .accepted(session: held.session, by: verifier)
            } else if bad {
                .refused(session: held.session, by: verifier)
            } else if let status, status != 503 {
                .unexpected(act, status: status)
            } else {
                .unavailable(act)
            }
        load.recorder.note(index, sentAt: sent, happening)
    }

    private func logOut(_ held: Held) async -> Bool {
        let reply = await load.pool.ask(
            first: index, "POST", "/v1/logout", token: held.access, patience: load.patience)
        guard let answer = settled(reply, .logOut) else { return false }
        switch answer.status {
        case 204: break
        // The answer to an earlier attempt was lost, but not what it did.
        case 401 where reply.attempts > 1: break
        default:
            unexpected(reply, .logOut, answer.status)
            return false
        }
        load.recorder.note(index, sentAt: reply.sentAt, .ended(session: held.session))
        return true
    }

    // MARK: - Notes

    /// The answer, unless there is none, or one that says to wait.
    private func settled(_ reply: ClientPool.Reply, _ act: Act) -> TestHTTP.Answer? {
        guard let answer = reply.answer else {
            load.recorder.note(index, sentAt: reply.sentAt, .unavailable(act))
            return nil
        }
        guard answer.status != 429 else {
            load.recorder.note(index, sentAt: reply.sentAt, .throttled(act))
            return nil
        }
        return answer
    }

    private func unexpected(_ reply: ClientPool.Reply, _ act: Act, _ status: Int) {
        load.recorder.note(index, sentAt: reply.sentAt, .unexpected(act, status: status))
    }

    /// Names a token in the record without being it.
    private static func digest(_ token: String) -> String {
        SHA256.hash(data: Array(token.utf8)).prefix(8).map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }
}
