import StrictJSON
import TestSupport

/// Who keeps changing what is decided by: one activates sets, one changes entities, both sure of each step before the next.
struct PolicyAdministrators: Sendable {
    let rig: PolicyRig
    /// Every which activation is struck while it is under way.
    var killEvery = 2

    private var recorder: PolicyRecorder { rig.recorder }

    /// Until the record is stopped.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var round = 0
                while !recorder.isStopped {
                    round += 1
                    try await activate(round, isStruck: round % killEvery == 0 && !recorder.isCalm)
                    try await Task.sleep(for: .milliseconds(Int.random(in: 50...500)))
                }
            }
            group.addTask {
                while !recorder.isStopped {
                    for desk in PolicyMarks.desks { try await turn(desk) }
                    try await setLimits()
                    try await Task.sleep(for: .milliseconds(Int.random(in: 50...300)))
                }
            }
            try await group.waitForAll()
        }
    }

    /// Desks and what they need.
    func furnish() async throws {
        let desks = PolicyMarks.desks.map { PolicyMarks.desk($0, limit: 1_000) }
        let admin = try await rig.system.adminToken()
        try await rig.ask(
            "POST", "/v1/entities", json: ["put": .array(PolicyMarks.others + desks), "reason": "test"], token: admin
        ).require(200)
        recorder.update { $0.limit = 1_000 }
    }

    // MARK: Policies

    /// A new set, or the one before, comes into force.
    func activate(_ round: Int, isStruck: Bool) async throws {
        if round % 5 == 0 { return try await rollBack() }
        let mark = "m\(round)"
        let admin = try await rig.system.adminToken()
        let stored = try await rig.ask(
            "POST", "/v1/policies/versions", json: ["files": try PolicyMarks.content(mark), "reason": "test"],
            token: admin
        ).require(201)
        let version = stored.json["version"]?.int ?? 0
        recorder.update { $0.marks[version] = mark }
        let proposed = try await rig.ask(
            "POST", "/v1/policies/activations", json: ["version": .int(version), "reason": "test"], token: admin
        ).require(201)
        let id = proposed.json["id"]?.int ?? 0
        try await commit("/v1/policies/activations/\(id)/approve", token: try await rig.riskManager(), isStruck) {
            $0["id"]?.int == id
        }
    }

    private func rollBack() async throws {
        let before = try await newest()?["sequence"]?.int ?? 0
        try await commit("/v1/policies/rollback", json: ["reason": "test"], token: try await rig.riskManager(), false) {
            $0["sequence"]?.int ?? 0 > before
        }
    }

    /// Has something come into force, and finds out whether it did where the answer does not come.
    private func commit(
        _ path: String, json: JSONValue? = nil, token: String, _ isStruck: Bool, _ isIt: (JSONValue) -> Bool
    ) async throws {
        var isStruck = isStruck
        var replica = Int.random(in: rig.replicas.indices)
        while true {
            let sentAt = recorder.now
            let answer: TestHTTP.Answer?
            if isStruck, rig.claim(replica) {
                isStruck = false
                answer = await struck(replica, path, token)
            } else {
                answer = await rig.attempt(replica, "POST", path, json: json, token: token)
            }
            if let answer, (200...201).contains(answer.status), let sequence = answer.json["sequence"]?.int {
                return note(sentAt, sequence)
            }
            if let answer, answer.status != 503, answer.status != 409 {
                throw TestHTTP.Unexpected(description: "\(path): \(answer.status) \(answer.text)")
            }
            if let newest = try await newest(), isIt(newest), let sequence = newest["sequence"]?.int {
                return note(sentAt, sequence)
            }
            recorder.update { $0.activations.append(.init(sentAt: sentAt, result: nil)) }
            replica = (replica + 1) % rig.replicas.count
        }
    }

    private func note(_ sentAt: Duration, _ sequence: Int64) {
        let result = (sequence, recorder.now)
        recorder.update { $0.activations.append(.init(sentAt: sentAt, result: result)) }
    }

    /// The activation that was made last.
    private func newest() async throws -> JSONValue? {
        let token = try await rig.riskManager()
        let answer = try await rig.ask("GET", "/v1/policies/activations", token: token).require(200)
        return answer.json["activations"]?.array?.filter { $0["sequence"]?.int != nil }
            .max { ($0["sequence"]?.int ?? 0) < ($1["sequence"]?.int ?? 0) }
    }

    /// Approves, while the replica that is asked is killed at whatever moment.
    private func struck(_ replica: Int, _ path: String, _ token: String) async -> TestHTTP.Answer? {
        async let answer = rig.attempt(replica, "POST", path, token: token)
        try? await Task.sleep(for: .milliseconds(Int.random(in: 0...60)))
        rig.replicas[replica].kill()
        let found = await answer
        recorder.update { $0.killsDuringActivation += 1 }
        Task {
            try? await Task.sleep(for: .milliseconds(Int.random(in: 100...1_000)))
            do { try await rig.start(replica) } catch { print("a replica does not start: \(error)") }
            rig.release(replica)
        }
        return found
    }

    // MARK: Entities

    /// Halts a desk, or lets it go on.
    private func turn(_ desk: String) async throws {
        let isHalted = recorder.record.turns.last { $0.desk == desk }?.isHalted != true
        let sentAt = recorder.now
        let index = recorder.update {
            $0.turns.append(.init(desk: desk, isHalted: isHalted, sentAt: sentAt))
            return $0.turns.count - 1
        }
        try await rig.ask(
            isHalted ? "PUT" : "DELETE", "/v1/kill-switches/Desk/\(desk)", json: ["reason": "test"],
            token: try await rig.riskManager()
        ).require(200)
        let answeredAt = recorder.now
        recorder.update { $0.turns[index].answeredAt = answeredAt }
    }

    /// Gives both desks another limit, in one change.
    private func setLimits() async throws {
        let (turns, limit) = (recorder.record.turns, recorder.record.limit + 1)
        let desks = PolicyMarks.desks.map { desk -> JSONValue in
            var object = PolicyMarks.desk(desk, limit: limit).object ?? [:]
            var attributes = object["attrs"]?.object ?? [:]
            attributes["halted"] = .bool(turns.last { $0.desk == desk }?.isHalted == true)
            object["attrs"] = .object(attributes)
            return .object(object)
        }
        try await rig.ask(
            "POST", "/v1/entities", json: ["put": .array(desks), "reason": "test"],
            token: try await rig.system.adminToken()
        ).require(200)
        recorder.update { $0.limit = limit }
    }
}
